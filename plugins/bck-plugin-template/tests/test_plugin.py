"""The journal gets one line per event; the pause file vetoes, with its text as the reason."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bck_adapters.memory import SettableClock
from bckcore.domain.events import (
    HostUnreachable,
    PointsPruned,
    ProfileRecovered,
    ProfileStale,
    RunFinished,
)
from bckcore.domain.ids import HostId, JobId, ProfileId, RunId
from bckcore.domain.run import Run, RunOutcome
from bckcore.domain.target import Target
from bckcore.plugins.registry import AdapterContext

from bck_plugin_template import plugin

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
RUN = Run(
    id=RunId("20260105T120000Z-00000001"),
    profile=ProfileId("docs"),
    host=HostId("pc1"),
    job=JobId("j"),
    seq=1,
    started=NOW,
)


def journal(home: Path) -> plugin.Journal:
    """The notifier, made the way the program makes it."""
    context = AdapterContext(
        home=home,
        runtime_dir=home,
        target=Target(root=home),
        database_url="memory:",
        clock=SettableClock(),
    )
    made = plugin.bck_notifiers()["journal"](context)
    assert isinstance(made, plugin.Journal)
    return made


def lines(home: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (home / plugin.JOURNAL).read_text().splitlines()]


def test_each_event_appends_one_line(tmp_path: Path) -> None:
    notifier = journal(tmp_path)
    notifier.notify(RunFinished(run=RUN.ended(RunOutcome.SUCCEEDED, NOW)))
    notifier.notify(HostUnreachable(host=HostId("pc1"), at=NOW, why="it is off"))
    notifier.notify(PointsPruned(profile=ProfileId("docs"), decisions=()))
    run, host, pruned = lines(tmp_path)
    assert (run["event"], run["outcome"], run["run_id"]) == ("run-finished", "succeeded", RUN.id)
    assert (host["event"], host["why"]) == ("host-unreachable", "it is off")
    assert (pruned["event"], pruned["forgotten"]) == ("points-pruned", [])


def test_a_profile_that_is_too_old_and_good_again_leaves_two_lines(tmp_path: Path) -> None:
    notifier = journal(tmp_path)
    who = {"profile": ProfileId("docs"), "host": HostId("pc1"), "at": NOW}
    stale = {"fresh_within": timedelta(days=3), "good_at": NOW, "offline_since": None}
    notifier.notify(ProfileStale(**who, **stale))  # type: ignore[arg-type]  # as the fields want them
    notifier.notify(ProfileRecovered(**who, told_at=NOW))  # type: ignore[arg-type]  # the same
    told, recovered = lines(tmp_path)
    assert (told["event"], told["profile"], told["good_at"]) == ("profile-stale", "docs", NOW.isoformat())
    assert (recovered["event"], recovered["host"]) == ("profile-recovered", "pc1")


def test_the_journal_is_its_owners_alone(tmp_path: Path) -> None:
    journal(tmp_path).notify(HostUnreachable(host=HostId("pc1"), at=NOW, why=""))
    assert (tmp_path / plugin.JOURNAL).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("text", "shown"), [("new disk\n", "new disk"), ("", "no reason given")])
def test_the_pause_file_vetoes_with_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, shown: str
) -> None:
    monkeypatch.setenv("BCK_HOME", str(tmp_path))
    assert plugin.bck_run_starting() is None
    (tmp_path / plugin.PAUSE).write_text(text)
    assert plugin.bck_run_starting() == f"backups are paused: {shown}"


def test_a_pause_that_cannot_be_read_still_pauses(tmp_path: Path) -> None:
    (tmp_path / plugin.PAUSE).mkdir()
    assert "cannot be read" in str(plugin.pause_reason(tmp_path / plugin.PAUSE))
