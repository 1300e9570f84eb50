"""Estimate: how far a run is and how long it still takes, from what its last comparable run took. Pure.

rsync lists a tree while it sends it, so until it is nearly done it cannot say how much there is. What can be
said before rests on the last run, and is marked ``estimated``; without one it stays unknown.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import exp

from bckcore.domain.ids import SourceName
from bckcore.domain.run import Attempt, Run, RunKind, RunOutcome
from bckcore.domain.transfer import Phase, TransferProgress

RATE_WINDOW = 10.0
"""Seconds over which a rate is the mean."""
LEAST_WINDOW = 0.5
"""A rate over less than this says nothing."""
EASING = 8.0
"""Seconds in which the remaining time that is shown closes two thirds of its distance to a new estimate."""
LEAST_SHARE = 0.05
"""From this part on, the time taken so far tells of the rest also without the duration of an earlier run."""
_READING = frozenset({Phase.LISTING, Phase.TRANSFERRING})
_GOOD = frozenset({RunOutcome.SUCCEEDED, RunOutcome.PARTIAL, RunOutcome.SUSPECT})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceBase:
    """What is known of a source before it is read."""

    paths: int = 0
    """As many as the last run saw; 0 when none did."""
    seconds: float | None = None
    """How long its last reading took; None when there is none that compares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBase:
    """What is known of a run before it begins."""

    sources: Mapping[SourceName, SourceBase] = field(default_factory=dict)
    """In the order in which they are read."""
    after_seconds: float | None = None
    """How long the last run worked on after its last source."""


def base_of(paths: Mapping[SourceName, int], runs: Sequence[Run]) -> RunBase:
    """What ``runs`` of a profile (oldest first) tell of its next one; ``paths``: what its sources hold.

    A run in which most files were new does not compare: the next one sends a fraction of that.
    """
    alike = [run for run in reversed(runs) if _compares(run)]
    sources = {
        name: SourceBase(paths=max(0, count), seconds=_first(_seconds_of(run, name) for run in alike))
        for name, count in paths.items()
    }
    return RunBase(sources=sources, after_seconds=_first(_after_of(run) for run in alike))


def _compares(run: Run) -> bool:
    return run.kind is RunKind.BACKUP and run.outcome in _GOOD and 2 * run.counts.added <= run.counts.files


def _seconds_of(run: Run, source: SourceName) -> float | None:
    """Of an attempt that read the whole source by itself; a second one goes on where the first broke off."""
    own: list[Attempt] = [attempt for attempt in run.attempts if attempt.source == source]
    if len(own) != 1 or own[0].error_code:
        return None
    return max(0.0, (own[0].finished - own[0].started).total_seconds())


def _after_of(run: Run) -> float | None:
    if run.finished is None or not run.attempts:
        return None
    return max(0.0, (run.finished - max(one.finished for one in run.attempts)).total_seconds())


def _first(values: Iterable[float | None]) -> float | None:
    return next((value for value in values if value is not None), None)


@dataclass(slots=True)
class Rate:
    """Bytes per second, as the mean over the last :data:`RATE_WINDOW` seconds."""

    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    def seen(self, at: float, amount: int) -> int | None:
        """Take note that ``amount`` had come by ``at``; None while that is too little to tell."""
        samples = self._samples
        if samples and (amount < samples[-1][1] or at < samples[-1][0]):
            samples.clear()  # another count has begun
        samples.append((at, amount))
        while len(samples) > 2 and samples[1][0] <= at - RATE_WINDOW:
            samples.popleft()
        seconds, gained = at - samples[0][0], amount - samples[0][1]
        return round(gained / seconds) if seconds >= LEAST_WINDOW else None


@dataclass(slots=True)
class Easing:
    """A remaining time that runs down with the clock and nears new estimates instead of jumping to them."""

    _shown: float | None = None
    _at: float = 0.0

    def shown(self, target: float | None, at: float) -> int | None:
        """What to show at ``at``; never negative; None for no estimate."""
        if target is None or self._shown is None:
            self._shown = target
        else:
            passed = max(0.0, at - self._at)
            left = max(0.0, self._shown - passed)
            self._shown = left + (target - left) * (1 - exp(-passed / EASING))
        self._at = at
        return None if self._shown is None else max(0, round(self._shown))


@dataclass(slots=True)
class Estimator:
    """Completes what a transport reports about a run. One per run; times are monotonic seconds."""

    base: RunBase
    _rate: Rate = field(default_factory=Rate)
    _eta: Easing = field(default_factory=Easing)
    _source: str = ""
    _began: float | None = None
    """When the current attempt began to read."""
    _left: float | None = None
    """When the last source was done with."""
    _share: float = 0.0
    """Of the current source, the highest so far."""
    _percent: int = 0
    _phase: str = ""

    def completed(self, progress: TransferProgress, at: float) -> TransferProgress:
        """``progress`` with rate, total, percent and remaining time, as far as they can be known."""
        if progress.phase == Phase.CONNECTING or progress.phase in _READING:
            self._enter(progress, at)
            placed = self._placed(progress)
            return self._read(placed, at) if progress.phase in _READING else placed
        return self._afterwards(progress, at)

    def _enter(self, progress: TransferProgress, at: float) -> None:
        if progress.source != self._source:
            self._source, self._share, self._began = progress.source, 0.0, None
        if progress.phase == Phase.CONNECTING:
            self._rate, self._began = Rate(), None
        elif self._began is None:
            self._began = at

    def _placed(self, progress: TransferProgress) -> TransferProgress:
        if progress.phase not in _READING:
            progress = replace(progress, percent=self._percent or None)
        names = list(self.base.sources)
        if progress.source not in names:
            return progress
        number = names.index(SourceName(progress.source)) + 1
        return replace(progress, source_number=number, source_count=len(names))

    def _read(self, progress: TransferProgress, at: float) -> TransferProgress:
        known = self.base.sources.get(SourceName(progress.source), SourceBase())
        share, estimated = _share_of(progress, known)
        if share is not None:
            self._share = share = max(self._share, share)
        total = progress.files_total
        if total is None and known.paths:
            total, estimated = max(known.paths, progress.files_seen), True
        percent = self._percent_with(share)
        left = self._seconds_left(progress, known, share, at)
        return replace(
            progress,
            files_total=total,
            bytes_per_second=self._rate.seen(at, progress.bytes_done),
            percent=percent,
            eta_seconds=self._eta.shown(left, at),
            estimated=estimated or (percent is not None and len(self.base.sources) > 1),
        )

    def _percent_with(self, share: float | None) -> int | None:
        """Of all sources: each weighs what its last reading took, else the paths that it holds."""
        if share is None:
            return None
        names = list(self.base.sources)
        if len(names) > 1 and self._source in names:
            weights = _weights(list(self.base.sources.values()))
            if weights is None:
                return None
            place = names.index(SourceName(self._source))
            share = (sum(weights[:place]) + weights[place] * share) / sum(weights)
        self._percent = max(self._percent, min(99 if share < 1 else 100, int(share * 100 + 1e-9)))
        return self._percent

    def _seconds_left(
        self, progress: TransferProgress, known: SourceBase, share: float | None, at: float
    ) -> float | None:
        here = progress.eta_seconds
        rest = self._rest_seconds()
        if rest is None:
            return None
        if here is not None:
            return here + rest
        passed = 0.0 if self._began is None else max(0.0, at - self._began)
        mine = _blended(share, passed, known.seconds)
        return None if mine is None else mine + rest

    def _rest_seconds(self) -> float | None:
        """What comes after the current source; None when a later source is unknown."""
        names = list(self.base.sources)
        place = names.index(SourceName(self._source)) if self._source in names else len(names)
        later = [self.base.sources[name].seconds for name in names[place + 1 :]]
        known = [seconds for seconds in later if seconds is not None]
        return sum(known) + (self.base.after_seconds or 0.0) if len(known) == len(later) else None

    def _afterwards(self, progress: TransferProgress, at: float) -> TransferProgress:
        if self._left is None:
            self._left = at
        if progress.phase != self._phase:
            self._phase, self._percent = progress.phase, 0
        if progress.percent is not None:
            self._percent = max(self._percent, progress.percent)
            progress = replace(progress, percent=self._percent)
        whole = self.base.after_seconds
        left = None if whole is None else whole - (at - self._left)
        if progress.eta_seconds is not None or left is None or left <= 0:
            return progress
        return replace(progress, eta_seconds=round(left), estimated=True)


def _share_of(progress: TransferProgress, known: SourceBase) -> tuple[float | None, bool]:
    """Part of the source that is done, and whether that is an estimate."""
    if progress.percent is not None:
        return min(1.0, max(0.0, progress.percent / 100)), False
    if not known.paths:
        return None, False
    return min(0.99, progress.files_seen / known.paths), True


def _blended(share: float | None, passed: float, earlier: float | None) -> float | None:
    """Seconds left in a source: at first as its last reading tells, more and more as this one does."""
    if share is None:
        return None
    by_now = passed * (1 - share) / share if share >= LEAST_SHARE else None
    if earlier is None:
        return by_now
    before = earlier * (1 - share)
    return before if by_now is None else before * (1 - share) + by_now * share


def _weights(sources: Sequence[SourceBase]) -> list[float] | None:
    seconds = [one.seconds for one in sources if one.seconds is not None]
    if len(seconds) == len(sources) and sum(seconds) > 0:
        return seconds
    paths = [float(one.paths) for one in sources]
    return paths if all(paths) else None
