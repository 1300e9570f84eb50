"""Backups start by themselves: `bck serve` with a schedule, over a folder of the server.

Only `bck serve` is a process of its own here; the other verbs run in this one, which is quicker.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bck_apps.cli.main import run
from bck_apps.wiring import Application, open_application
from bckcore.domain.due import Verdict
from bckcore.domain.health import HealthState
from bckcore.domain.ids import ProfileId
from bckcore.domain.job import Job, JobKind, JobStatus
from bckcore.services.standing import Standing
from tests.support.cli import Bck, eventually
from tests.support.sshd import new_key

QUICK = {"BCK_RUNNER__POLL_SECONDS": "0.2", "BCK_SCHEDULER__LOOK_SECONDS": "0.3"}
Say = Callable[..., Any]


@pytest.fixture
def bck(tmp_path: Path, require_tool: Any, monkeypatch: pytest.MonkeyPatch) -> Bck:
    """An installation."""
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server", dict(QUICK))
    made.init()
    monkeypatch.setenv("BCK_HOME", str(made.home))
    return made


@pytest.fixture
def say(bck: Bck, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a verb with --json in this process; its document."""

    def carried_out(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        found = run([*arguments, "--json"])
        captured = capsys.readouterr()
        assert found == code, captured
        return json.loads(captured.out)

    return carried_out


@pytest.fixture
def seen(bck: Bck) -> Iterator[Application]:
    """The installation, to look at while it is served."""
    with open_application(bck.home) as application:
        yield application


def standing(seen: Application, profile: str = "docs") -> Standing:
    return seen.standings.of(ProfileId(profile))


def verdict(seen: Application, profile: str = "docs") -> Verdict:
    return standing(seen, profile).decision.verdict


def backups(seen: Application) -> list[Job]:
    return list(seen.queue.list(kind=JobKind.BACKUP))


def test_a_schedule_backs_up_by_itself_and_once(
    bck: Bck, say: Say, seen: Application, tmp_path: Path
) -> None:
    docs = tmp_path / "pc" / "docs"
    docs.mkdir(parents=True)
    (docs / "f").write_text("one")
    say("host", "add", "pc1", "--transport", "local", "--allow", str(docs.parent))
    made = say(
        *("profile", "add", "docs", "--host", "pc1", "--source", str(docs), "--every", "4h"),
        *("--fresh-within", "3d", "--bandwidth-plan", "mon-sun=5M", "--only-on-mains"),
    )
    assert made["schedule"]["every"] == "4h"
    (told,) = say("schedule")["items"]
    assert (told["verdict"], told["health"], told["fresh"]) == ("start", "never", True)
    say("host", "presence", "pc1", "--on-battery", "--minutes", "120")
    with bck.serving():
        # The same rounds ask for schedules and take jobs: once a prune is done, it has looked.
        pruned = seen.jobs.start_prune(ProfileId("docs"), requested_by="ann").job
        assert eventually(lambda: seen.queue.get(pruned.id).status.final)
        assert verdict(seen) is Verdict.BLOCKED
        assert backups(seen) == []
        say("host", "presence", "pc1", "--on-mains", "--minutes", "120")
        assert eventually(lambda: standing(seen).health.state is HealthState.OK)
        assert eventually(lambda: standing(seen).state.answered is not None)
    (job,) = backups(seen)
    assert (job.requested_by, job.status) == ("schedule", JobStatus.SUCCEEDED)
    lines = [line.text for line in seen.queue.read_log(job.id)]
    assert "The bandwidth plan allows 5242880 bytes a second." in lines
    assert (bck.storage / "current" / "pc1" / "docs" / "docs" / "f").read_text() == "one"
    assert verdict(seen) is Verdict.WAIT
    assert say("health", "docs")["items"][0]["health"] == "ok"


def test_a_host_that_does_not_answer_is_offline_and_leaves_no_run(
    bck: Bck, say: Say, seen: Application, tmp_path: Path
) -> None:
    """Nothing listens on its port, so it is unreachable at once."""
    key = tmp_path / "key"
    key.write_text(new_key().private)
    key.chmod(0o600)
    say(
        *("host", "add", "pc2", "--address", "127.0.0.1", "--port", "1", "--key", str(key)),
        *("--allow", "/home/u", "--host-key", new_key().public),
    )
    say("profile", "add", "far", "--host", "pc2", "--source", "/home/u", "--every", "1h")
    with bck.serving():
        assert eventually(lambda: verdict(seen, "far") is Verdict.OFFLINE)
    (told,) = say("schedule", "far")["items"]
    assert told["offline_since"] is not None
    assert "Due since" in told["reason"]
    (job,) = backups(seen)
    assert (job.status, job.result.error_code) == (JobStatus.OFFLINE, "host-unreachable")
    with seen.units(read_only=True) as uow:
        assert uow.runs.last(ProfileId("far")) is None
    assert not list((bck.storage / ".receipts").rglob("*.json"))


def test_times_are_given_changed_and_taken_away_on_the_command_line(
    bck: Bck, say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    say("host", "add", "pc1", "--transport", "local", "--allow", "/home/u")
    add = ("profile", "add", "docs", "--host", "pc1", "--source", "/home/u")
    refused = say(*add, "--cron", "0 2 * *", code=2)["error"]
    assert "five fields" in refused["what"]
    made = say(*add, "--every", "4h", "--window", "mon-fri", "--only-idle", "--jitter", "5m")
    changed = say("profile", "set", "docs", "--cron", "0 2 * * *", "--window", "", "--also-in-use")
    expected: dict[str, Any] = {"every": None, "cron": "0 2 * * *", "windows": [], "only_idle": False}
    assert changed["schedule"] == {**made["schedule"], **expected}
    assert run(["schedule"]) == 0
    assert "cron 0 2 * * *" in capsys.readouterr().out
    assert say("profile", "set", "docs", "--no-schedule")["schedule"] is None
    assert run(["profile", "show", "docs"]) == 0
    assert "none: when somebody asks" in capsys.readouterr().out
    assert say("schedule", "nope", code=4)["error"]["code"] == "not-found"
    assert say("host", "presence", "nope", code=4)["error"]["code"] == "not-found"
