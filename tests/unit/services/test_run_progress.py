"""What a backup tells of itself while it goes on: phases, and what the last run lets one expect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bckcore.domain.transfer import TransferProgress
from tests.support.desks import DOCS_PATH, Desk
from tests.support.house import RecordingWatcher

PICS = "/home/u/pics"


@dataclass
class Seeing(RecordingWatcher):
    """Also remembers progress; time passes with every report."""

    tick: Callable[[], None] = lambda: None
    seen: list[TransferProgress] = field(default_factory=list)

    def progress(self, progress: TransferProgress) -> None:
        self.seen.append(progress)
        self.tick()


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir, sources=(DOCS_PATH, PICS))
    for number in range(20):
        desk.write(f"f{number}")
    for number in range(5):
        desk.tree(PICS).write(b"p%d" % number, b"1", 1_700_000_000_000_000_000)
    return desk


def backed_up(desk: Desk) -> list[TransferProgress]:
    desk.house.watcher = watcher = Seeing(tick=lambda: desk.house.clock.advance(1))
    desk.house.back_up()
    return watcher.seen


def phases(seen: list[TransferProgress]) -> list[tuple[str, str, int]]:
    told = [(one.phase, one.source, one.source_number) for one in seen]
    return [one for number, one in enumerate(told) if number == 0 or told[number - 1] != one]


def test_phases_and_sources_are_told_in_order(desk: Desk) -> None:
    seen = backed_up(desk)
    assert phases(seen) == [
        ("connecting", "docs", 1),
        ("transferring", "docs", 1),
        ("connecting", "pics", 2),
        ("transferring", "pics", 2),
        ("cataloguing", "", 0),
        ("folding", "", 0),
    ]
    assert {one.source_count for one in seen if one.source} == {2}


def test_the_first_run_and_the_one_after_promise_no_time(desk: Desk) -> None:
    first = backed_up(desk)
    assert {(one.percent, one.eta_seconds, one.files_total) for one in first} == {(None, None, None)}
    desk.write("f1", data=b"newer", mtime_ns=1_800_000_000_000_000_000)
    second = [one for one in backed_up(desk) if one.phase == "transferring"]
    assert [one.files_total for one in second] == [21]  # its files and the folder itself
    assert second[0].estimated


def test_from_the_third_run_on_percent_and_time_left_are_known(desk: Desk) -> None:
    for number in range(3):
        for name in ("f1", "f19"):
            desk.write(name, data=b"%d" % number, mtime_ns=1_800_000_000_000_000_000 + number)
        desk.tree(PICS).write(b"p4", b"%d" % number, 1_800_000_000_000_000_000 + number)
        seen = [one for one in backed_up(desk) if one.phase == "transferring"]
    percents = [one.percent for one in seen]
    assert None not in percents
    assert percents == sorted(percents, key=lambda one: one or 0)
    assert all(one.eta_seconds is not None and one.estimated for one in seen)


def test_what_the_run_says_at_its_end_is_no_estimate(desk: Desk) -> None:
    last = backed_up(desk)[-1]
    ended = last.finished(whole=True)
    assert ended == replace(TransferProgress(), phase="finished", percent=100)
