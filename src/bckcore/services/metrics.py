"""Metrics: how every profile stands, as lines that Prometheus reads, made anew each time."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bckcore.domain.check import Cause
from bckcore.domain.health import HealthState
from bckcore.domain.ids import HostId
from bckcore.domain.job import Job
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.run import Run, RunOutcome
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import JobQueue
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.check_jobs import CheckJobs
from bckcore.services.standing import Standing, StandingService

Labels = Mapping[str, str]
Sample = tuple[Labels, float]

_GOOD = (RunOutcome.SUCCEEDED,)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What is kept of one profile, and how it stands."""

    standing: Standing
    points: int
    newest: RestorePoint | None
    good_run: Run | None
    check: Job | None


class MetricService:
    """Thread-safe."""

    def __init__(
        self,
        *,
        units: UnitOfWorkFactory,
        queue: JobQueue,
        check_jobs: CheckJobs,
        standings: StandingService,
        clock: Clock,
    ) -> None:
        self._units = units
        self._queue = queue
        self._standing = standings
        self._check_jobs = check_jobs
        self._clock = clock

    def text(self, *, hosts: Collection[HostId] | None = None) -> str:
        """All numbers, each with its help and type; with ``hosts`` only of profiles and jobs of these hosts.

        Names of profiles need no escaping.
        """
        now, standings = self._clock.now(), self._standing.all(hosts=hosts)
        kept = self._kept(standings, all_of_them=hosts is None)
        lines: list[str] = []
        queued = _queued(self._queue.queued_since(hosts=hosts), now)
        for name, meaning, samples in (*_metrics(kept, now), *_schedules(standings, now), queued):
            lines += [f"# HELP bck_{name} {meaning}", f"# TYPE bck_{name} gauge"]
            lines += [f"bck_{name}{_labels(labels)} {value:.16g}" for labels, value in samples]
        return "\n".join(lines) + "\n"

    def _kept(self, standings: Sequence[Standing], *, all_of_them: bool) -> list[_Kept]:
        names = [one.profile.id for one in standings]
        checks, only = self._check_jobs.newest(names), None if all_of_them else names
        with self._units(read_only=True) as uow:
            counts, newest = uow.latest.point_counts(only), uow.latest.points(only)
            good_runs = uow.latest.backups(_GOOD, profiles=only)
        return [
            _Kept(
                standing=standing,
                points=counts.get(name, 0),
                newest=newest.get(name),
                good_run=good_runs.get(name),
                check=checks.get(name),
            )
            for name, standing in zip(names, standings, strict=True)
        ]


def _metrics(kept: Sequence[_Kept], now: datetime) -> Iterator[tuple[str, str, list[Sample]]]:
    yield (
        "profile_enabled",
        "1 if backups may be started.",
        [_one(k, k.standing.profile.enabled) for k in kept],
    )
    yield "points", "Kept restore points.", [_one(k, k.points) for k in kept]
    newest = [(k, k.newest) for k in kept if k.newest]
    yield "files", "Files of the newest point.", [_one(k, point.counts.files) for k, point in newest]
    yield "bytes", "Bytes of the newest point.", [_one(k, point.counts.bytes) for k, point in newest]
    good = [(k, at) for k in kept if (at := k.standing.health.good_at)]
    text = "Seconds since the newest good backup ended."
    yield "good_point_age_seconds", text, [_one(k, _age(now, at)) for k, at in good]
    runs = [(k, k.good_run.finished) for k in kept if k.good_run and k.good_run.finished]
    text = "Seconds since the newest run that read everything ended."
    yield "good_run_age_seconds", text, [_one(k, _age(now, ended)) for k, ended in runs]
    checks = [(k, k.check) for k in kept if k.check and k.check.finished]
    times = [_one(k, job.finished.timestamp()) for k, job in checks if job.finished]
    yield "check_timestamp_seconds", "When the newest check ended, Unix time.", times
    text = "Files that the newest check read and proved by digest."
    yield "check_files_proven", text, [_one(k, _number(job, "files_proven")) for k, job in checks]
    text = "What the newest check found, by cause."
    yield "check_findings", text, [sample for k, job in checks for sample in _findings(k, job)]


def _schedules(standings: Sequence[Standing], now: datetime) -> Iterator[tuple[str, str, list[Sample]]]:
    labelled = [(_label(one), one) for one in standings]
    text = "1 if the newest good backup is as fresh as it must be; "
    text += "profiles without an objective, and those switched off, have none."
    fresh: list[Sample] = [
        (label, float(one.health.fresh)) for label, one in labelled if one.health.fresh is not None
    ]
    yield "profile_fresh", text, fresh
    text = "1 for the state that the profile is in: alarm, never, stale, offline or ok."
    states: list[Sample] = [
        ({**label, "state": state.value}, float(one.health.state is state))
        for label, one in labelled
        for state in HealthState
    ]
    yield "profile_health", text, states
    due = [(label, one.decision.due) for label, one in labelled if one.profile.schedule is not None]
    text = "Seconds since a backup is due; 0 while none is."
    yield "due_since_seconds", text, [(label, _age(now, moment)) for label, moment in due if moment]
    text = "1 if the host did not answer when a backup was due."
    offline: list[Sample] = [(label, float(one.offline_since is not None)) for label, one in labelled]
    yield "profile_offline", text, offline


def _queued(since: datetime | None, now: datetime) -> tuple[str, str, list[Sample]]:
    """It grows while jobs are accepted and no runner is there to carry them out."""
    text = "Seconds since the oldest job that waits for a runner was asked for; 0 while none waits."
    return "queue_oldest_age_seconds", text, [({}, _age(now, since) if since else 0.0)]


def _findings(kept: _Kept, job: Job) -> Iterator[Sample]:
    """One for each cause, also those of which there are none: an alarm needs a number to compare."""
    causes = job.result.data.get("causes")
    for cause in Cause:
        count = causes.get(cause.value, 0) if isinstance(causes, Mapping) else 0
        yield {**_label(kept.standing), "cause": cause.value}, float(count)


def _number(job: Job, name: str) -> float:
    value = job.result.data.get(name)
    return float(value) if isinstance(value, int) else 0.0


def _age(now: datetime, at: datetime) -> float:
    return max(0.0, (now - at).total_seconds())


def _one(kept: _Kept, value: float) -> Sample:
    return _label(kept.standing), float(value)


def _label(standing: Standing) -> Labels:
    return {"profile": standing.profile.id, "host": standing.profile.host}


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
