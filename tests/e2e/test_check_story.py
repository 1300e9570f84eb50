"""A person proves that backups are good, harms one, and has it told: on the command line and by night."""

import os
import sqlite3
from pathlib import Path

import pytest

from tests.support.cli import Bck, eventually
from tests.support.sshd import LoopbackSshd, running_sshd


@pytest.fixture
def sshd(tmp_path, require_tool):
    require_tool("sshd")
    require_tool("rsync")
    with running_sshd(tmp_path / "sshd") as served:
        yield served


@pytest.fixture
def bck(tmp_path: Path, sshd: LoopbackSshd) -> Bck:
    """An installation with one backup."""
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server")
    docs = tmp_path / "pc" / "docs"
    (docs / "sub").mkdir(parents=True)
    for number in range(20):
        (docs / "sub" / f"{number:02d}.txt").write_text(f"number {number}")
    with open(os.path.join(os.fsencode(docs), b"caf\xe9\nline"), "wb") as file:
        file.write(b"odd name")
    (docs / "link").symlink_to("sub")
    made.init()
    made.add_host(sshd, tmp_path / "pc")
    made.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs))
    made.ok("backup", "docs", "--wait")
    return made


def last_job(bck: Bck) -> str:
    return str(bck.ok("check", "docs", "--last", code=3)["job_id"])


def stored(bck: Bck, name: str) -> Path:
    return bck.storage / "current" / "pc1" / "docs" / "docs" / name


def test_a_person_proves_a_backup_and_is_told_of_harm(bck: Bck) -> None:
    assert bck.ok("check", "docs", "--last", code=4)["error"]["code"] == "not-found"
    assert bck.ok("check", "docs", "--sample", "much", code=2)["error"]["code"] == "invalid-input"
    assert "ask for a new one" in bck.ok("check", "docs", "--last", "--sample", "5%", code=2)["error"]["what"]
    whole = bck.ok("check", "docs", "--read-data", "--against-host")
    assert (whole["outcome"], whole["total"], whole["files_proven"], whole["host_proven"]) == (
        "succeeded",
        0,
        21,
        21,
    )
    place = stored(bck, "sub/07.txt")
    status = place.stat()
    place.write_text("number 8")
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    stored(bck, "sub/03.txt").unlink()
    told = bck.run("check", "docs", "--read-data")
    assert told.code == 3
    for part in (
        "bit-rot",
        "docs/sub/07.txt",
        "missing",
        "docs/sub/03.txt",
        "2 things",
        "Nothing was repaired",
    ):
        assert part in told.out + told.err, part
    assert (told.out + told.err).count("docs/sub/03.txt") == 1  # in the table; the log keeps the rest
    assert "warning" in bck.run("log", last_job(bck)).out
    last = bck.ok("check", "docs", "--last", code=3)
    assert {(one["cause"], one["path"]) for one in last["findings"]} == {
        ("bit-rot", "sub/07.txt"),
        ("missing", "sub/03.txt"),
    }
    assert place.read_text() == "number 8"  # nothing is repaired
    every = bck.ok("check", "--sample", "5%", code=3)
    assert [(job["profile"], job["causes"].get("missing")) for job in every["items"]] == [("docs", 1)]


def test_the_way_out_of_rot_that_the_advice_names_works(bck: Bck) -> None:
    place = stored(bck, "sub/07.txt")
    status = place.stat()
    place.write_text("number 8")
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert bck.ok("backup", "docs", "--wait")["made_point"] is False
    assert bck.run("check", "docs", "--read-data").code == 3
    place.rename(bck.folder / "rotten")
    bck.ok("backup", "docs", "--wait")
    assert bck.ok("check", "docs", "--read-data")["total"] == 0
    bck.ok("restore", "docs", "--point", "1", "--to", "back", "docs/sub/07.txt")
    assert (bck.folder / "back" / "docs" / "sub" / "07.txt").read_text() == "number 7"


def test_what_belongs_to_no_profile_is_told_of_the_whole_installation(bck: Bck) -> None:
    clean = bck.ok("check")
    assert (clean["extra"], clean["set_aside"]) == ([], 0)
    (bck.storage / ".work" / "aside" / "20260101T000000Z-0a1b2c3d").mkdir(parents=True)
    assert "set aside by backups (runs: 1)" in bck.run("check").err
    (bck.storage / "current" / "evilhost").mkdir()
    (bck.storage / "stray.txt").write_text("?")
    told = bck.ok("check", code=3)
    assert [(one["cause"], one["place"], one["path"]) for one in told["extra"]] == [
        ("extra", "storage", "current/evilhost"),
        ("extra", "storage", "stray.txt"),
    ]
    shown = bck.run("check")
    assert (shown.code, shown.out.count("current/evilhost"), shown.err.count("extra: ")) == (3, 1, 1)
    (strays,) = [one for one in bck.ok("doctor", code=1)["items"] if one["name"] == "strays"]
    assert not strays["ok"]
    assert "current/evilhost, stray.txt" in strays["detail"]
    assert bck.ok("check", "docs")["total"] == 0


@pytest.mark.sqlite  # it changes a row by hand
def test_serve_makes_up_for_the_night_that_was_missed(bck: Bck) -> None:
    with sqlite3.connect(bck.home / "bck.sqlite3") as database:  # as if it had been made long ago
        database.execute("UPDATE profile SET created = datetime('now', '-3 days')")
    database.close()

    def checks() -> list[str]:
        return [job["status"] for job in bck.ok("jobs")["items"] if job["kind"] == "check"]

    with bck.serving():
        assert eventually(lambda: checks() == ["succeeded"])
    last = bck.ok("check", "docs", "--last")
    assert (last["requested_by"], last["sample"], last["total"]) == ("nightly check", 5.0, 0)
    with bck.serving():  # started again in the same night
        assert bck.ok("check", "docs", "--sample", "100")["total"] == 0
    assert checks() == ["succeeded", "succeeded"]
