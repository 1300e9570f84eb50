"""Whatever a transport reports and whenever: nothing that is shown is absurd."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bckcore.domain.estimate import EASING, Estimator, RunBase, SourceBase
from bckcore.domain.ids import SourceName
from bckcore.domain.transfer import TransferProgress

NAMES = [SourceName(name) for name in ("docs", "pics")]
maybe = st.none() | st.floats(0, 1e6, allow_nan=False)
bases = st.builds(
    RunBase,
    sources=st.dictionaries(
        st.sampled_from(NAMES), st.builds(SourceBase, paths=st.integers(0, 2_000_000), seconds=maybe)
    ),
    after_seconds=maybe,
)
reports = st.builds(
    TransferProgress,
    phase=st.sampled_from(["connecting", "listing", "transferring"]),
    source=st.sampled_from(NAMES),
    files_seen=st.integers(0, 3_000_000),
    bytes_done=st.integers(0, 1 << 50),
    percent=st.none() | st.integers(0, 100),
    eta_seconds=st.none() | st.integers(0, 10_000_000),
)
steps = st.lists(st.tuples(st.floats(0, 5000, allow_nan=False), reports), max_size=30)


@given(bases, steps)
def test_percent_never_falls_while_sources_are_read_and_nothing_is_negative(
    base: RunBase, steps: list[tuple[float, TransferProgress]]
) -> None:
    estimator, at, percent = Estimator(base), 0.0, 0
    for passed, report in steps:
        at += passed
        shown = estimator.completed(report, at)
        assert shown.eta_seconds is None or shown.eta_seconds >= 0
        assert shown.bytes_per_second is None or shown.bytes_per_second >= 0
        if shown.percent is not None:
            assert percent <= shown.percent <= 100
            percent = shown.percent


@given(steps)
def test_without_a_base_only_what_the_transport_says_is_shown(
    steps: list[tuple[float, TransferProgress]],
) -> None:
    estimator, at = Estimator(RunBase(sources={NAMES[0]: SourceBase()})), 0.0
    for passed, report in steps:
        at += passed
        if report.percent is None and report.eta_seconds is None and report.source == NAMES[0]:
            shown = estimator.completed(report, at)
            assert (shown.percent, shown.eta_seconds, shown.files_total) == (None, None, None)
            assert not shown.estimated


@given(st.floats(10, 1e6), st.lists(st.tuples(st.floats(0.1, 2), st.integers(0, 1000)), max_size=30))
def test_time_left_rises_slowly_whatever_the_source_does(
    seconds: float, steps: list[tuple[float, int]]
) -> None:
    """In a second or two it never takes up more than a quarter of the distance to a new estimate."""
    estimator = Estimator(RunBase(sources={NAMES[0]: SourceBase(paths=1000, seconds=seconds)}))
    at, seen = 0.0, 0
    before = estimator.completed(TransferProgress(phase="listing", source=NAMES[0]), at).eta_seconds
    for passed, more in steps:
        at, seen = at + passed, min(1000, seen + more)
        report = TransferProgress(phase="listing", source=NAMES[0], files_seen=seen)
        now = estimator.completed(report, at).eta_seconds
        assert before is not None
        assert now is not None
        highest = max(seconds, at * 20)  # what any estimate can be: at least a twentieth is done then
        assert now <= before + highest * passed / EASING + 2
        before = now
