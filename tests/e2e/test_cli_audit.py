"""The audit log on the command line: who did what, an export that proves itself, and breaks that show."""

import json
import sqlite3
import ssl

import httpx2
import pytest

from tests.support.cli import PASSWORD, Bck


@pytest.fixture
def bck(tmp_path):
    """An installation with a host, a profile, another account, and a backup that was asked for."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a").write_text("x")
    made = Bck(tmp_path)
    made.init()
    made.ok("host", "add", "here", "--transport", "local", "--allow", str(tmp_path / "docs"))
    made.ok("profile", "add", "docs", "--host", "here", "--source", str(tmp_path / "docs"))
    made.ok("user", "add", "bert", "--role", "viewer", "--password-stdin", text=f"{PASSWORD}\n")
    made.ok("backup", "docs", "--wait")
    made.ok("hold", "docs", "latest", "--reason", "court")
    return made


def test_what_is_done_at_the_console_is_entered_with_the_system_user(bck: Bck):
    items = bck.ok("audit", "list")["items"]
    actions = [one["action"] for one in items]
    assert actions == [
        "user-added",
        "key-stored",
        "host-added",
        "profile-added",
        "user-added",
        "job-start",
        "job-end",
        "hold",
    ]
    console = {one["who"] for one in items if one["origin"] == "console"}
    assert len(console) == 1
    assert items[6]["origin"] == "runner"
    assert bck.ok("audit", "list", "--action", "hold")["items"] == items[-1:]
    assert bck.ok("audit", "list", "--who", "nobody")["items"] == []
    assert bck.ok("audit", "list", "--limit", "2")["items"] == items[-2:]
    assert "court" in bck.run("audit", "list").out
    assert PASSWORD not in json.dumps(items)


def test_that_the_databases_own_account_is_replaced_is_entered(bck: Bck):
    bck.ok("catalog", "rebuild", "--yes", "--accept-damage")
    told = [one for one in bck.ok("audit", "list")["items"] if one["action"] == "catalog-rebuilt"]
    assert [one["outcome"] for one in told] == ["asked", "done"]
    expected = {"profile": "docs", "host": "here", "accepted": "damage", "points": "1", "damage": "0"}
    assert expected.items() <= told[-1]["about"].items()


@pytest.mark.sqlite  # it changes entries by hand
def test_the_log_and_its_export_are_proved_and_every_break_is_told(bck: Bck, tmp_path):
    good = bck.ok("audit", "verify")
    assert (good["ok"], good["remembered"]) == (True, good["newest"])
    file = tmp_path / "log.jsonl"
    exported = bck.ok("audit", "export", "-o", str(file))
    assert bck.run("audit", "export", "-o", str(file)).code == 5
    assert bck.ok("audit", "verify", str(file))["entries"] == exported["entries"]
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:2] + lines[3:]))
    broken = bck.ok("audit", "verify", str(file), code=1)
    assert broken["breaks"] == [{"kind": "removed", "first": 3, "last": 3, "what": "Entry 3 is not there."}]
    file.write_text("".join(lines[:-1]))
    head = f"{exported['entries']}:{exported['digest']}"
    assert bck.ok("audit", "verify", str(file))["ok"]
    assert bck.ok("audit", "verify", str(file), "--head", head, code=1)["breaks"][0]["kind"] == "truncated"
    with sqlite3.connect(bck.home / "bck.sqlite3") as database:
        database.execute("DROP TRIGGER audit_no_delete")
        database.execute("DELETE FROM audit WHERE number > 5")
    database.close()
    cut = bck.run("audit", "verify")
    assert cut.code == 1
    assert "were cut off from the end" in cut.err


@pytest.mark.sqlite  # it removes entries by hand
def test_an_emptied_log_and_a_forgotten_end_are_told_and_nobody_is_stuck(bck: Bck):
    """The attack: rows, and with them what is remembered of them; then a server that goes on."""
    newest = bck.ok("audit", "verify")
    head = bck.home / "audit.head"
    head.rename(head.with_suffix(".aside"))
    ended = bck.run("audit", "verify", "--json")
    assert (ended.code, ended.json["ok"], ended.json["breaks"]) == (1, False, [])
    assert "--head" in ended.err
    known = f"{newest['newest']}:{newest['digest']}"
    assert bck.ok("audit", "verify", "--head", known)["ok"]
    with sqlite3.connect(bck.home / "bck.sqlite3") as database:
        database.execute("DROP TRIGGER audit_no_delete")
        database.execute("DELETE FROM audit")
    database.close()
    emptied = bck.run("audit", "verify", "--json")
    assert (emptied.code, emptied.json["breaks"][0]["kind"]) == (1, "empty")
    assert "bck serve" in emptied.err
    lines = bck.run("doctor", "--security", "--json").json["items"]
    assert [one["ok"] for one in lines if one["name"] == "audit log"] == [False]
    assert bck.ok("audit", "verify", "--head", known, code=1)["breaks"][0]["kind"] == "truncated"
    bck.ok("user", "set", "bert", "--role", "auditor")  # a rebuilt installation goes on with its next entry
    assert bck.ok("audit", "verify")["ok"]


def test_the_server_enters_its_start_and_who_signs_in_from_where(bck: Bck):
    with bck.serving() as (_, told):
        context = ssl.create_default_context(cafile=told["ca_certificate"])
        with httpx2.Client(base_url=told["url"], verify=context, timeout=60) as client:
            for password, status in (("not the password", 401), (PASSWORD, 200)):
                answer = client.post("/auth/login", json={"name": "bert", "password": password})
                assert answer.status_code == status
    starts = bck.ok("audit", "list", "--action", "service-start")["items"]
    assert [one["origin"] for one in starts] == ["console"]
    assert len(starts[0]["about"]["settings"]) == 64
    logins = bck.ok("audit", "list", "--action", "login")["items"]
    assert [(one["outcome"], one["about"]["user"]) for one in logins] == [
        ("refused", "bert"),
        ("done", "bert"),
    ]
    assert {(one["origin"], one["address"]) for one in logins} == {("api", "127.0.0.1")}
    lines = [
        json.loads(line)
        for line in (bck.folder / "stderr.log").read_text().splitlines()
        if "bck.audit" in line
    ]
    assert [line["digest"] for line in lines[-2:]] == [one["digest"] for one in logins]
    assert PASSWORD not in (bck.folder / "stderr.log").read_text()


def test_wrong_use_is_told(bck: Bck, tmp_path):
    assert bck.run("audit", "verify", str(tmp_path / "none")).code == 4
    assert bck.run("audit", "verify", "--head", "7").code == 2
    assert bck.run("audit", "export", "-o", "-", "--json").code == 2
    assert bck.run("audit", "export", "-o", str(tmp_path / "no" / "where")).code == 5
    done = bck.run("audit", "export", "-o", "-")
    assert json.loads(done.out.splitlines()[0])["number"] == 1
