"""A harmed database file: nothing seems empty, every verb names the way out, a rebuild brings all back."""

import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bck_adapters.sql import sql_database
from bck_adapters.sql.soundness import damage_of
from bck_apps.cli.main import run
from bck_apps.wiring import initialise
from bckcore.domain.secret import Secret
from tests.support.harm import Scene
from tests.support.rebuilds import Known, known, restored_with
from tests.support.worlds import World, world_of_folder

pytestmark = pytest.mark.sqlite  # it harms the bytes of SQLite's own file; a server looks after its own

ADVICE = "bck catalog rebuild"
PAGE = 4096
PASSWORD = Secret("a long enough password")
LOOKS = (
    ("points", "docs"),
    ("profile", "list"),
    ("profile", "show", "docs"),
    ("host", "list"),
    ("ls", "docs", "--point", "5"),
    ("find", "docs", "*"),
    ("run", "show", "docs", "5"),
    ("jobs",),
)


@dataclass
class Home:
    """A storage with five runs, and an installation over it whose database can be put back as it was."""

    folder: Path
    scene: Scene
    file: Path
    whole: Path
    answers: dict[tuple[str, ...], str]
    before: Known
    worlds: dict[int, World]

    def harm(self, how: Callable[[bytearray], None]) -> None:
        data = bytearray(self.whole.read_bytes())
        how(data)
        self.fresh()
        self.file.write_bytes(data)

    def fresh(self) -> None:
        for left in self.file.parent.glob("bck.sqlite3*"):
            left.unlink()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("home")
    lived = folder / "bck.sqlite3"
    scene = Scene(folder, url=f"sqlite:///{lived}")
    with initialise(folder / "made", storage=scene.root, admin="ann", password=PASSWORD) as made:
        account = made.access._units
        with account(read_only=True) as uow:
            (ann,) = uow.users.list()
    with scene.house.database.units() as uow:
        uow.users.add(ann)
        uow.commit()
    before, worlds = known(scene.house.database), {}
    for point in before.points:
        to = restored_with(scene.house, scene.house.database, point, folder / f"was-{point.seq}")
        worlds[point.seq] = world_of_folder(to / "docs")
    scene.house.database.close()
    file = folder / "made" / "bck.sqlite3"
    whole = folder / "whole.sqlite3"
    shutil.copy(lived, whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BCK_HOME", str(folder / "made"))
        yield Home(folder, scene, file, whole, {}, before, worlds)


@pytest.fixture
def bck(home: Home, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*words: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = run(words)
        out, err = capfd.readouterr()
        return code, out, err

    if not home.answers:
        home.fresh()
        shutil.copy(home.whole, home.file)
        home.answers.update({look: call(*look)[1] for look in LOOKS})
    return call


def looked_at(home: Home, bck: Callable[..., tuple[int, str, str]]) -> int:
    """How many verbs refused; all others answered as they did before. None was at a loss."""
    refused = 0
    for look in LOOKS:
        code, out, err = bck(*look)
        assert "Traceback" not in err, (look, err)
        if code:
            assert ADVICE in err, (look, err)
            refused += 1
        else:
            assert out == home.answers[look], look
    return refused


def rebuilt(home: Home, bck: Callable[..., tuple[int, str, str]]) -> dict[str, Any]:
    """Rebuild; every point must be as it was."""
    code, out, err = bck("catalog", "rebuild", "--yes", "--json")
    assert code == 0, err
    database = sql_database(f"sqlite:///{home.file}", home.scene.house.clock)
    try:
        now = known(database)
        assert (now.points, now.entries, now.holds) == (
            home.before.points,
            home.before.entries,
            home.before.holds,
        )
        for point in now.points:
            to = home.folder / f"now-{len(list(home.folder.iterdir()))}"
            restored_with(home.scene.house, database, point, to)
            assert world_of_folder(to / "docs") == home.worlds[point.seq]
            shutil.rmtree(to)
    finally:
        database.close()
    answer: dict[str, Any] = json.loads(out)
    return answer


def garbage(seed: int) -> Callable[[bytearray], None]:
    """Two pages, anywhere but never none of them in use, are turned over."""

    def harm(data: bytearray) -> None:
        random = Random(seed)
        for page in random.sample(range(len(data) // 4096), 2):
            start = page * 4096
            data[start : start + 4096] = bytes(byte ^ 0x55 for byte in data[start : start + 4096])

    return harm


def cut(seed: int) -> Callable[[bytearray], None]:
    """Ends somewhere, a page too early or more: the end of the last one may be room that nothing uses."""

    def harm(data: bytearray) -> None:
        del data[Random(seed).randrange(1, len(data) - PAGE) :]

    return harm


def noise(seed: int) -> Callable[[bytearray], None]:
    """No database at all."""

    def harm(data: bytearray) -> None:
        data[:] = Random(seed).randbytes(len(data))

    return harm


def flips(seed: int) -> Callable[[bytearray], None]:
    """Twenty bits anywhere."""

    def harm(data: bytearray) -> None:
        random = Random(seed)
        for _ in range(20):
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)

    return harm


def pages_3_to_11(data: bytearray) -> None:
    """What a bad stretch of a disk does."""
    for place in range(2 * 4096, 11 * 4096):
        data[place] ^= 0xFF


@pytest.mark.parametrize(
    "harm",
    [
        pages_3_to_11,
        *(kind(seed) for kind in (garbage, cut) for seed in range(2)),
        noise(0),
        *(
            pytest.param(kind(seed), marks=pytest.mark.long)
            for kind in (garbage, cut)
            for seed in range(2, 40)
        ),
    ],
    ids=lambda harm: harm.__qualname__.partition(".")[0],
)
def test_a_harmed_file_is_named_and_a_rebuild_brings_every_point_back(home: Home, bck, harm):
    home.harm(harm)
    assert looked_at(home, bck) > 0
    code, out, _ = bck("doctor", "--json")
    (finding,) = [item for item in json.loads(out)["items"] if item["name"] == "database"]
    assert (code, finding["ok"]) == (1, False)
    assert ADVICE in finding["detail"]
    harmed = home.file.read_bytes()
    answer = rebuilt(home, bck)
    aside = Path(answer["database"]["set_aside"])
    assert aside.name.startswith("bck.sqlite3.damaged-")
    assert aside.read_bytes() == harmed, "nothing of it is deleted or changed"
    assert looked_at_again(bck)


def looked_at_again(bck) -> bool:
    return all(bck(*look)[0] == 0 for look in LOOKS if look[0] in ("points", "ls"))


@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 60))]
)
def test_flipped_bits_never_end_in_a_traceback_and_a_rebuild_brings_every_point_back(home: Home, bck, seed):
    """A bit may turn one value into another that means something; such a lie only a comparison finds."""
    home.harm(flips(seed))
    for look in LOOKS:
        code, _, err = bck(*look)
        assert "Traceback" not in err, (look, err)
        assert code == 0 or ADVICE in err, (look, err)
    rebuilt(home, bck)


@pytest.mark.parametrize("size", [None, 0])
def test_a_lost_or_emptied_file_is_not_made_anew_in_silence(home: Home, bck, size):
    home.fresh()
    if size is not None:
        home.file.touch()
    assert looked_at(home, bck) == len(LOOKS)
    assert not home.file.exists() or home.file.stat().st_size == 0
    answer = rebuilt(home, bck)
    assert "is empty" in answer["database"]["damage"] or "is not there" in answer["database"]["damage"]


def test_accounts_go_over_where_they_read_whole(home: Home, bck):
    def harm(data: bytearray) -> None:
        with sqlite3.connect(home.whole) as connection:
            query = "SELECT rootpage FROM sqlite_schema WHERE name = 'file_version'"
            (number,) = connection.execute(query).fetchone()
        connection.close()
        data[(number - 1) * 4096 : number * 4096] = os.urandom(4096)

    home.harm(harm)
    answer = rebuilt(home, bck)
    assert answer["database"]["accounts"] == ["ann"]
    code, _, err = bck("points", "docs")
    assert code == 0, err


def test_a_profile_that_only_the_storage_knows_is_not_simply_a_wrong_name(home: Home, bck):
    home.fresh()
    database = sql_database(f"sqlite:///{home.file}", home.scene.house.clock)
    database.migrate()
    database.close()
    code, _, err = bck("points", "docs")
    assert code == 4
    assert "The storage holds docs on pc1, which this database does not know" in err
    assert ADVICE in err
    code, _, err = bck("points", "pics")
    assert (code, "'bck profile list'" in err, ADVICE in err) == (4, True, False)


def test_who_lost_all_accounts_is_told_and_gives_himself_one(home: Home, bck, monkeypatch):
    home.fresh()
    code, out, err = bck("catalog", "rebuild", "--json")
    assert code == 0, err
    told = "none: nobody can sign in. Add one: bck user add NAME --role admin"
    assert json.loads(out)["accounts"] == told
    assert told in err
    assert accounts_line(bck) == (False, told)
    given = io.TextIOWrapper(io.BytesIO(f"{PASSWORD.reveal()}\n".encode()))
    monkeypatch.setattr("sys.stdin", given)
    code, _, err = bck("user", "add", "ann", "--role", "admin", "--password-stdin")
    assert code == 0, err
    assert accounts_line(bck) == (True, "1, administrators among them")
    _, out, _ = bck("user", "list", "--json")
    assert [(user["name"], user["role"]) for user in json.loads(out)["items"]] == [("ann", "admin")]


def accounts_line(bck) -> tuple[bool, str]:
    _, out, _ = bck("doctor", "--json")
    (line,) = [item for item in json.loads(out)["items"] if item["name"] == "accounts"]
    return line["ok"], line["detail"]


_HOLDS_IT_OPEN = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("SELECT count(*) FROM host").fetchone()
print("open", flush=True)
sys.stdin.read()
"""


def test_a_database_that_somebody_works_with_is_not_taken_from_under_him(home: Home, bck):
    home.fresh()
    shutil.copy(home.whole, home.file)
    command = [sys.executable, "-c", _HOLDS_IT_OPEN, str(home.file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == b"open\n"
        with home.file.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(8 * 4096))
        code, _, err = bck("catalog", "rebuild", "--yes")
        assert (code, "Stop 'bck serve'" in err) == (5, True), err
        assert [path.name for path in home.file.parent.glob("*damaged*")] == []
        assert user.stdin is not None
        user.stdin.close()
        user.wait(60)
    rebuilt(home, bck)


def test_an_older_schema_is_not_taken_for_damage(home: Home, tmp_path: Path):
    file = tmp_path / "old.sqlite3"
    shutil.copy(home.whole, file)
    with sqlite3.connect(file) as connection:
        connection.execute("ALTER TABLE job DROP COLUMN progress")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    assert damage_of(file, newest="0004") == ""
    assert "cannot be read" in damage_of(file, newest="0001") or "no such column" in damage_of(
        file, newest="0001"
    )
