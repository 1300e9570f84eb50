"""`bck doctor --security` looks at each line of the checklist, and sees when one is not as it should be."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.cli import PASSWORD, Bck
from tests.support.sshd import new_key

RULE = "CONSTRAINT ck_job_sealed CHECK (sealed = '' OR status IN ('queued', 'running'))"


@pytest.fixture
def bck(tmp_path: Path) -> Bck:
    (tmp_path / "server").mkdir(mode=0o700)
    made = Bck(tmp_path / "server")
    made.init()
    return made


def bad(bck: Bck) -> dict[str, str]:
    """The lines that are not as they should be, and why."""
    found = bck.run("doctor", "--security", "--json")
    document = found.json
    lines = {one["name"]: one["detail"] for one in document["items"] if not one["ok"]}
    assert {one["name"] for one in document["items"] if one["level"] == "bad"} == set(lines)
    assert document["ok"] == (not lines)
    assert found.code == (1 if lines else 0)
    return lines


def of_the_installation(bck: Bck) -> dict[str, str]:
    """The same without the machine's own rsync, which may be older than the newest holes."""
    return {name: detail for name, detail in bad(bck).items() if name != "known holes"}


def test_a_fresh_installation_lacks_a_second_factor_only(bck: Bck) -> None:
    assert of_the_installation(bck) == {"administrators": "without a second factor: ann; bck user totp NAME"}


def test_what_is_made_under_the_usual_umask_is_for_nobody_else(tmp_path: Path) -> None:
    made = Bck(tmp_path, cold=True)
    before = os.umask(0o022)
    try:
        made.init()
        made.ok("user", "rotate-key")
    finally:
        os.umask(before)
    below = [path for path in (made.home, *made.home.rglob("*")) if not path.is_symlink()]
    assert [path.suffix for path in below if path.name.startswith("token-key.")].count(".pub") == 1
    modes = {str(path.relative_to(tmp_path)): f"{path.stat().st_mode & 0o7777:o}" for path in below}
    assert {name: mode for name, mode in modes.items() if mode not in ("600", "700")} == {}
    assert of_the_installation(made) == {"administrators": "without a second factor: ann; bck user totp NAME"}


def test_each_line_sees_what_it_is_for(bck: Bck, tmp_path: Path) -> None:
    (tmp_path / "pc").mkdir()
    allow = ("--allow", "/")
    for name in ("pc1", "pc2"):
        bck.ok("host", "add", name, "--transport", "local", *allow)
    windows = ("--transport", "local", "--platform", "windows", "--quota", "1G")
    bck.ok("host", "add", "pc3", *windows, "--allow", "C:\\")
    bck.ok("host", "add", "pc4", *windows, "--allow", "C:\\Users")
    bck.ok("user", "add", "eve", "--role", "viewer", "--password-stdin", text=PASSWORD + "\n")
    bck.ok("token", "add", "pc1", "--name", "laptop", "--days", "900")
    bck.ok("host", "enrol", "pc5", "--minutes", "600")
    database = bck.home / "bck.sqlite3"
    if database.exists():
        database.chmod(0o644)
    bck.home.chmod(0o755)
    log = tmp_path / "bck.log.1"
    log.touch()
    log.chmod(0o644)
    bck.settings["BCK_LOGGING__FILE"] = str(tmp_path / "bck.log")
    found = bad(bck)
    assert found["logs"] == f"{log} has mode 644"
    log.chmod(0o640)
    assert "has mode 755" in found["private folders"]
    assert "could fill the storage: pc1, pc2" in found["quotas"]
    assert "pc1, pc2, pc3" in found["narrow folders"]
    assert "pc1 (/), pc2 (/)" in found["own folders"]
    assert "laptop of pc1" in found["device tokens"]
    assert "pc5" in found["enrolments"]
    assert "pinned hosts" not in found, "who waits for its PC is reached by nobody"
    bck.ok("host", "remove", "pc5")
    if database.exists():
        assert str(database) in found["secret files"]
        database.chmod(0o600)
    bck.home.chmod(0o700)
    bck.ok("host", "set", "pc3", "--allow", "C:\\Users")
    for name in ("pc1", "pc2"):
        bck.ok("host", "set", name, "--allow", str(tmp_path / "pc"), "--quota", "1G")
    assert set(bad(bck)) == {"administrators", "device tokens"}


@pytest.mark.sqlite  # it changes a row by hand
def test_a_password_that_outlived_its_job_is_seen(bck: Bck, tmp_path: Path) -> None:
    (tmp_path / "pc").mkdir()
    bck.ok("host", "add", "pc1", "--transport", "local", "--allow", str(tmp_path), "--quota", "1G")
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(tmp_path / "pc"))
    bck.ok("backup", "docs", "--wait")
    assert "sealed passwords" not in bad(bck)
    with closing(sqlite3.connect(bck.home / "bck.sqlite3")) as database:
        with pytest.raises(sqlite3.IntegrityError, match="ck_job_sealed"):
            database.execute("UPDATE job SET sealed = 'left'")
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute("UPDATE job SET sealed = 'left'")
        database.commit()
        assert "CHECK constraint failed in job" in bad(bck)["sealed passwords"]
        database.execute("PRAGMA writable_schema = ON")  # as in a database whose rule somebody took away
        database.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, '')", (RULE,))
        database.commit()
    assert bad(bck)["sealed passwords"].startswith("still held by 1 job that is over")


@pytest.mark.sqlite  # it changes a row by hand
def test_an_altered_audit_log_is_seen(bck: Bck) -> None:
    bck.ok("host", "add", "pc1", "--transport", "local", "--allow", "/srv/pc", "--quota", "1G")
    with closing(sqlite3.connect(bck.home / "bck.sqlite3")) as database:
        query = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'"
        for (name,) in database.execute(query).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("DELETE FROM audit WHERE number = 1")
        database.commit()
    assert "Entry 1 is not there." in bad(bck)["audit log"]


def test_an_audit_log_whose_newest_entry_nobody_remembers_is_not_called_whole(bck: Bck) -> None:
    bck.ok("host", "add", "pc1", "--transport", "local", "--allow", "/srv/pc", "--quota", "1G")
    (bck.home / "audit.head").rename(bck.home / "audit.head.aside")
    assert "an end that was cut off would not show" in bad(bck)["audit log"]
    (bck.home / "audit.head.aside").rename(bck.home / "audit.head")
    assert "audit log" not in bad(bck)


def test_a_login_that_opens_more_than_it_needs_is_never_called_ok(bck: Bck) -> None:
    """With a gate and addresses all is well; without, it says for which PC and whether that can be mended."""
    pinned = new_key().public
    where = ("--address", "192.0.2.7", "--allow", "/home/u", "--quota", "1G", "--host-key", pinned)
    for name, login in (("pc1", "certificate"), ("pc2", "own-key")):
        bck.ok("host", "add", name, *where, "--login", login)
    assert "run any program on pc1, pc2" in bad(bck)["logins"]
    for name in ("pc1", "pc2"):
        bck.ok("host", "set", name, "--gate", "/opt/bck-gate/bin/bck-gate")
    windows = ("--platform", "windows", "--allow", "C:\\Users", *where[:2], *where[4:])
    bck.ok("host", "add", "pc3", *windows, "--login", "own-key")

    def logins() -> tuple[str, str]:
        items = bck.run("doctor", "--security", "--json").json["items"]
        return next((one["level"], one["detail"]) for one in items if one["name"] == "logins")

    level, detail = logins()
    assert level == "remark"
    assert "from any address on pc1, pc2, pc3" in detail
    assert "no gate is there for Windows yet: the account of pc3" in detail
    assert "remark" in bck.run("doctor", "--security").out
    bck.settings["BCK_SSH__SOURCE_ADDRESSES"] = '["192.0.2.1"]'
    bck.ok("host", "remove", "pc3")
    assert logins() == ("ok", "1 by certificate, 1 by own-key")
