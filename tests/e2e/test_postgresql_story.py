"""An installation on PostgreSQL: made on it, or moved to it and back without loss."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.cli import Bck
from tests.support.postgresql import PostgresServer, fresh_database, postgres_server
from tests.support.sshd import running_sshd
from tests.support.worlds import world_of_folder

pytestmark = pytest.mark.sqlite  # each story says itself where its database is
PASSWORD = "p@ss:w/rd?"


@pytest.fixture
def sshd(tmp_path, require_tool):
    require_tool("sshd")
    require_tool("rsync")
    with running_sshd(tmp_path / "sshd") as served:
        yield served


@pytest.fixture
def bck(tmp_path):
    (tmp_path / "server").mkdir()
    return Bck(tmp_path / "server")


@pytest.fixture
def url():
    with fresh_database() as address:
        yield address


def docs_in(folder: Path) -> Path:
    docs = folder / "docs"
    (docs / "sub").mkdir(parents=True)
    (docs / "letter.txt").write_text("one")
    (docs / "sub" / os.fsdecode(b"odd\xff\n%00")).write_bytes(os.urandom(10_000))
    return docs


def backed_up_twice(bck: Bck, sshd, docs: Path) -> None:
    bck.add_host(sshd, docs.parent)
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs))
    bck.ok("backup", "docs", "--wait")
    (docs / "letter.txt").write_text("two, longer")
    bck.ok("backup", "docs", "--wait")


def told(bck: Bck) -> dict[str, object]:
    """What a person can see."""
    return {"versions": bck.ok("versions", "docs", "docs/letter.txt")}


def test_a_whole_life_on_postgresql(bck, sshd, tmp_path, url):
    assert bck.init("--database", url)["database"] == url
    docs = docs_in(tmp_path)
    backed_up_twice(bck, sshd, docs)
    newest = world_of_folder(docs)
    points = bck.ok("points", "docs")["items"]
    assert len(points) == 2
    bck.ok("restore", "docs", "--point", points[-1]["point"], "--to", str(tmp_path / "back"))
    assert world_of_folder(tmp_path / "back" / "docs") == newest
    bck.ok("profile", "set", "docs", "--keep-last", "1", "--keep-within", "0s", "--min-age", "0s")
    bck.ok("prune", "docs")
    assert [point["seq"] for point in bck.ok("points", "docs")["items"]] == [2]
    status = bck.ok("db", "status")
    assert (status["kind"], status["address"]) == ("postgresql", url)
    assert status["schema_step"] == status["newest_step"]
    assert "fsync is off" in " ".join(status["warnings"])  # of a server for tests
    assert list(bck.home.glob("*.sqlite3*")) == []


def test_a_live_installation_moves_there_and_back_without_loss(bck, sshd, tmp_path, url):
    bck.init()
    docs = docs_in(tmp_path)
    backed_up_twice(bck, sshd, docs)
    (bck.home / "settings.toml").write_text(
        (bck.home / "settings.toml").read_text() + "\n[runner]\njobs = 3 # mine\n"
    )
    before = told(bck)
    dry = bck.ok("db", "migrate-to", url, "--dry-run")
    assert (bck.home / "bck.sqlite3").exists()
    moved = bck.ok("db", "migrate-to", url)
    assert [one["rows"] for one in moved["tables"]] == [one["rows"] for one in dry["tables"]]
    assert moved["to"] == url
    assert told(bck) == before
    assert not (bck.home / "bck.sqlite3").exists()
    aside = Path(moved["put_aside"])
    with closing(sqlite3.connect(aside)) as old:
        assert old.execute("SELECT count(*) FROM point").fetchone() == (2,)
    assert "jobs = 3 # mine" in (bck.home / "settings.toml").read_text()
    (docs / "new.txt").write_text("after the move")
    bck.ok("backup", "docs", "--wait")  # numbers of jobs and sources go on
    after = told(bck)
    back = bck.ok("db", "migrate-to", f"sqlite:///{bck.home}/bck.sqlite3")
    assert back["put_aside"] is None
    assert (bck.home / "bck.sqlite3").exists()
    assert told(bck) == after
    bck.ok("profile", "set", "docs", "--disable")
    refused = bck.ok("db", "migrate-to", url, code=5)  # it holds what was there before
    assert refused["error"]["code"] == "conflict"


def test_a_move_to_where_nobody_answers_changes_nothing_and_names_that_place(bck, tmp_path):
    bck.init()
    nowhere = f"postgresql://bck@/bck?host={tmp_path}"
    refused = bck.ok("db", "migrate-to", nowhere, code=1)["error"]
    assert refused["code"] == "database-unreachable"
    assert "bck.sqlite3" in refused["meaning"]
    assert quote(str(tmp_path), safe="") in refused["advice"]
    assert bck.ok("db", "status")["kind"] == "sqlite"


@pytest.mark.long
def test_a_password_is_kept_in_the_vault_and_never_shown(bck, tmp_path):
    with postgres_server(password=PASSWORD) as server:
        name = server.create()
        file = tmp_path / "password"
        file.write_text(PASSWORD + "\n")
        file.chmod(0o600)
        bare = server.url(name, password=False)
        made = bck.init("--database", bare, "--database-password-file", str(file))
        file.unlink()
        outputs = [json.dumps(made), *_everything_shown(bck)]
        outputs += [path.read_text("utf-8", "replace") for path in bck.home.glob("*.toml")]
        assert [text for text in outputs if PASSWORD in text] == []
        assert bck.ok("db", "status")["address"] == bare
        _wrong_password_is_told(bck, server, name)


def _everything_shown(bck: Bck) -> list[str]:
    verbs = (("config", "show"), ("doctor",), ("config", "show", "--json"))
    done = [bck.run(*verb) for verb in verbs]
    return [one.out + one.err for one in done]


def _wrong_password_is_told(bck: Bck, server: PostgresServer, name: str) -> None:
    wrong = Bck(bck.folder / "other")
    wrong.folder.mkdir()
    address = server.url(name, password=False).replace("@", ":wrong-secret@")
    done = wrong.run(
        *("init", "--storage", str(wrong.storage), "--admin", "ann", "--password-stdin"),
        *("--database", address),
        text="a long enough password\n",
    )
    assert done.code == 1
    assert "wrong-secret" not in done.out + done.err
    assert "authentication failed" in done.err
