"""What the last run tells of this one, and what it does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bckcore.domain.estimate import Easing, Estimator, Rate, RunBase, SourceBase, base_of
from bckcore.domain.ids import HostId, JobId, ProfileId, RunId, SourceName
from bckcore.domain.run import Attempt, ChangeCounts, Run, RunKind, RunOutcome
from bckcore.domain.transfer import TransferProgress
from tests.support.values import NOW

DOCS, PICS = SourceName("docs"), SourceName("pics")


def run(  # one keyword per fact that decides whether it compares
    seq: int,
    *,
    took: float = 60,
    after: float = 5,
    added: int = 1,
    kind: RunKind = RunKind.BACKUP,
    outcome: RunOutcome = RunOutcome.SUCCEEDED,
    errors: tuple[str, ...] = ("",),
) -> Run:
    started = NOW + timedelta(days=seq)
    attempts = tuple(
        Attempt(
            source=DOCS,
            number=number,
            started=started,
            finished=started + timedelta(seconds=took),
            error_code=code,
        )
        for number, code in enumerate(errors, start=1)
    )
    return Run(
        id=RunId(f"r{seq}"),
        profile=ProfileId("p"),
        host=HostId("h"),
        job=JobId("j"),
        seq=seq,
        started=started,
        kind=kind,
        finished=started + timedelta(seconds=took + after),
        outcome=outcome,
        counts=ChangeCounts(files=100, added=added),
        attempts=attempts,
    )


def listing(seen: int, *, source: str = "docs", sent: int = 0) -> TransferProgress:
    return TransferProgress(phase="listing", source=source, files_seen=seen, bytes_done=sent)


def one_source(paths: int = 1000, seconds: float | None = 100, after: float | None = 10) -> Estimator:
    return Estimator(RunBase(sources={DOCS: SourceBase(paths=paths, seconds=seconds)}, after_seconds=after))


def test_the_newest_run_that_compares_gives_the_times() -> None:
    base = base_of({DOCS: 7}, [run(1, took=50), run(2, took=60, after=4)])
    assert base == RunBase(sources={DOCS: SourceBase(paths=7, seconds=60)}, after_seconds=4)


@pytest.mark.parametrize(
    "odd",
    [
        run(2, took=900, added=100),
        run(2, took=900, kind=RunKind.UNDO),
        run(2, took=900, outcome=RunOutcome.FAILED),
        run(2, took=900, outcome=RunOutcome.CANCELLED),
    ],
    ids=["all was new", "an undo", "failed", "cancelled"],
)
def test_a_run_of_another_kind_or_end_is_passed_over(odd: Run) -> None:
    assert base_of({DOCS: 7}, [run(1, took=50), odd]).sources[DOCS].seconds == 50


def test_a_reading_that_broke_off_gives_no_time() -> None:
    assert base_of({DOCS: 7}, [run(1, errors=("cut", ""))]).sources[DOCS].seconds is None


def test_a_source_that_nobody_counted_has_no_paths() -> None:
    assert base_of({DOCS: -1}, []).sources[DOCS] == SourceBase()


def test_without_a_base_percent_total_and_time_stay_unknown() -> None:
    shown = one_source(paths=0, seconds=None, after=None).completed(listing(500), 10)
    assert (shown.percent, shown.eta_seconds, shown.files_total) == (None, None, None)
    assert not shown.estimated


def test_the_last_run_tells_percent_total_and_time() -> None:
    estimator = one_source()
    estimator.completed(listing(0), 0)
    shown = estimator.completed(listing(500), 50)
    assert (shown.percent, shown.files_total, shown.estimated) == (50, 1000, True)
    assert shown.eta_seconds == pytest.approx(60, abs=2)  # half of the source, then what came after it
    assert (shown.source_number, shown.source_count) == (1, 1)


def test_more_paths_than_the_last_run_saw_are_never_all() -> None:
    estimator = one_source()
    estimator.completed(listing(0), 0)
    shown = estimator.completed(listing(5000), 50)
    assert (shown.percent, shown.files_total) == (99, 5000)


def test_what_the_transport_knows_itself_goes_first() -> None:
    estimator = one_source()
    own = TransferProgress(phase="transferring", source="docs", percent=25, eta_seconds=30, files_total=16)
    shown = estimator.completed(own, 0)
    assert (shown.percent, shown.eta_seconds, shown.files_total, shown.estimated) == (25, 40, 16, False)


def test_a_slower_run_is_believed_more_and_more() -> None:
    estimator = one_source(after=None)
    for second in range(401):  # it needs 500 s, five times as long as the last one
        shown = estimator.completed(listing(2 * second), second)
    assert shown.eta_seconds == pytest.approx(100, abs=35)


def test_sources_weigh_what_their_last_reading_took() -> None:
    base = RunBase(sources={DOCS: SourceBase(paths=10, seconds=30), PICS: SourceBase(paths=900, seconds=90)})
    estimator = Estimator(base)
    estimator.completed(listing(10), 30)
    shown = estimator.completed(listing(450, source="pics"), 60)
    assert (shown.percent, shown.source_number, shown.source_count) == (62, 2, 2)


def test_a_source_that_is_new_makes_percent_and_time_of_the_whole_unknown() -> None:
    base = RunBase(sources={DOCS: SourceBase(paths=10, seconds=30), PICS: SourceBase()})
    shown = Estimator(base).completed(listing(5), 15)
    assert (shown.percent, shown.eta_seconds) == (None, None)


def test_another_attempt_does_not_take_percent_back() -> None:
    estimator = one_source()
    estimator.completed(listing(0), 0)
    estimator.completed(listing(700), 70)
    again = estimator.completed(TransferProgress(phase="connecting", source="docs"), 80)
    assert again.percent == 70
    assert estimator.completed(listing(10), 90).percent == 70


def test_after_the_last_source_the_end_of_the_last_run_tells_and_then_nothing() -> None:
    estimator = one_source(after=10)
    estimator.completed(listing(1000), 0)
    assert estimator.completed(TransferProgress(phase="cataloguing"), 50).eta_seconds == 10
    assert estimator.completed(TransferProgress(phase="folding"), 57).eta_seconds == 3
    assert estimator.completed(TransferProgress(phase="folding"), 61).eta_seconds is None


def test_a_rate_is_the_mean_of_the_last_seconds() -> None:
    rate = Rate()
    assert rate.seen(0.0, 0) is None
    assert rate.seen(0.4, 1000) is None
    assert rate.seen(1.0, 1000) == 1000
    for second in range(2, 30):
        last = rate.seen(second, 1000 + 50 * (second - 1))
    assert last == 50
    assert rate.seen(31, 10) is None  # the count began anew


def test_a_remaining_time_runs_down_by_itself_and_does_not_jump() -> None:
    easing = Easing()
    assert easing.shown(100, 0) == 100
    assert easing.shown(99, 1) == 99
    assert easing.shown(500, 2) == pytest.approx(145, abs=3)
    assert easing.shown(None, 3) is None
