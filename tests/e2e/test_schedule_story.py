"""Backups start by themselves: `bck serve` with a schedule, started twice, over a folder of the server."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Bck, eventually
from tests.support.worlds import world_of_folder

QUICK = {"BCK_RUNNER__POLL_SECONDS": "0.2", "BCK_SCHEDULER__LOOK_SECONDS": "0.3"}


@pytest.fixture
def bck(tmp_path: Path, require_tool: Any) -> Bck:
    """An installation that reads a folder of its own machine."""
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server", dict(QUICK))
    docs = tmp_path / "pc" / "docs"
    docs.mkdir(parents=True)
    (docs / "f").write_text("one")
    made.init()
    made.ok("host", "add", "pc1", "--transport", "local", "--allow", str(docs.parent))
    return made


def standing(bck: Bck, profile: str = "docs") -> dict[str, Any]:
    found: dict[str, Any] = bck.ok("schedule", profile)["items"][0]
    return found


def jobs(bck: Bck) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bck.ok("jobs")["items"]
    return [job for job in found if job["kind"] == "backup"]


def test_a_schedule_backs_up_by_itself_and_once(bck: Bck, tmp_path: Path) -> None:
    docs = tmp_path / "pc" / "docs"
    made = bck.ok(
        *("profile", "add", "docs", "--host", "pc1", "--source", str(docs), "--every", "4h"),
        *("--fresh-within", "3d", "--bandwidth-plan", "mon-sun=5M", "--only-on-mains"),
    )
    assert made["schedule"]["every"] == "4h"
    assert standing(bck)["verdict"] == "start"
    assert bck.ok("health")["items"][0]["health"] == "never"
    bck.ok("host", "presence", "pc1", "--on-battery")
    with bck.serving():
        assert eventually(lambda: standing(bck)["verdict"] == "blocked")
        assert "battery" in standing(bck)["reason"]
        assert jobs(bck) == []
        bck.ok("host", "presence", "pc1", "--on-mains")
        assert eventually(lambda: standing(bck)["health"] == "ok")
        assert eventually(lambda: standing(bck)["verdict"] == "wait")
    (job,) = jobs(bck)
    assert (job["requested_by"], job["status"]) == ("schedule", "succeeded")
    log = bck.run("log", job["job_id"]).out
    assert "The bandwidth plan allows 5242880 bytes a second." in log
    with bck.serving():  # a server that starts again owes nothing
        assert bck.ok("backup", "docs", "--wait")["outcome"] == "succeeded"
        assert eventually(lambda: standing(bck)["verdict"] == "wait")
    assert [job["requested_by"] == "schedule" for job in jobs(bck)] == [False, True]
    assert standing(bck)["fresh"] is True
    bck.ok("restore", "docs", "--point", "latest", "--to", str(tmp_path / "back"))
    assert world_of_folder(tmp_path / "back" / "docs") == world_of_folder(docs)


def test_a_host_that_does_not_answer_is_offline_and_leaves_no_run(bck: Bck, tmp_path: Path) -> None:
    """Nothing listens on its port, so it is unreachable at once."""
    key = tmp_path / "key"
    from tests.support.sshd import new_key

    key.write_text(new_key().private)
    key.chmod(0o600)
    public = new_key().public
    bck.ok(
        *("host", "add", "pc2", "--address", "127.0.0.1", "--port", "1", "--key", str(key)),
        *("--allow", "/home/u", "--host-key", public),
    )
    bck.ok("profile", "add", "far", "--host", "pc2", "--source", "/home/u", "--cron", "* * * * *")
    bck.ok("profile", "set", "far", "--every", "1h", "--fresh-within", "1d")
    with bck.serving():
        assert eventually(lambda: standing(bck, "far")["verdict"] == "offline")
    told = standing(bck, "far")
    assert told["offline_since"] is not None
    assert "Due since" in told["reason"]
    (job,) = jobs(bck)
    assert (job["status"], job["error"]["code"]) == ("failed", "host-unreachable")
    assert bck.ok("run", "list", "far")["items"] == []
    assert not list((bck.storage / ".receipts").rglob("*.json"))


def test_a_switched_off_scheduler_starts_nothing_and_still_tells(bck: Bck, tmp_path: Path) -> None:
    docs = tmp_path / "pc" / "docs"
    bck.settings["BCK_SCHEDULER__ENABLED"] = "false"
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs), "--every", "1m")
    with bck.serving():
        assert bck.ok("backup", "docs", "--wait")["outcome"] == "succeeded"
        assert eventually(lambda: standing(bck)["verdict"] == "wait")
    assert [job["requested_by"] for job in jobs(bck) if job["requested_by"] == "schedule"] == []


def test_wrong_options_are_refused_with_advice_and_help_in_json(bck: Bck, tmp_path: Path) -> None:
    add = ("profile", "add", "docs", "--host", "pc1", "--source", str(tmp_path / "pc" / "docs"))
    for wrong, word in (
        (("--cron", "0 2 * *"), "five fields"),
        (("--cron", "0 0 31 2 *"), "never come"),
        (("--every", "4h", "--cron", "0 2 * * *"), "not both"),
        (("--window", "08:00-20:00"), "no schedule"),
        (("--every", "4h", "--window", "8-20"), "times of the week"),
        (("--every", "30s"), "once a minute"),
        (("--every", "4h", "--no-schedule"), "stands alone"),
        (("--bandwidth-plan", "fast"), "bandwidth plan"),
        (("--fresh-within", "soon"), "duration"),
        (("--every", "4h", "--jitter", "2d"), "12 hours"),
    ):
        done = bck.run(*add, *wrong, "--json")
        assert done.code == 2, wrong
        error = json.loads(done.out)["error"]
        assert word in error["what"], error
        assert error["advice"]
    made = bck.ok(*add, "--every", "4h", "--window", "mon-fri", "--only-idle", "--jitter", "5m")
    assert made["schedule"]["windows"] == ["mon-fri"]
    changed = bck.ok("profile", "set", "docs", "--cron", "0 2 * * *", "--window", "", "--also-in-use")
    assert changed["schedule"] == {
        **made["schedule"],
        "every": None,
        "cron": "0 2 * * *",
        "windows": [],
        "only_idle": False,
    }
    assert bck.ok("profile", "set", "docs", "--no-schedule")["schedule"] is None
    assert "none: when somebody asks" in bck.run("profile", "show", "docs").out
    assert bck.ok("schedule", "nope", code=4)["error"]["code"] == "not-found"
    assert bck.ok("host", "presence", "nope", code=4)["error"]["code"] == "not-found"
