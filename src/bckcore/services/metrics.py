"""Metrics: how every profile stands, as lines that Prometheus reads, made anew each time."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bckcore.domain.check import Cause
from bckcore.domain.health import HealthState
from bckcore.domain.ids import HostId
from bckcore.domain.job import Job
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.run import Run, RunKind, RunOutcome
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import JobQueue
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.check_jobs import CheckJobs
from bckcore.services.standing import Standing, StandingService

Labels = Mapping[str, str]
Sample = tuple[Labels, float]

_LAST_RUNS = 200
"""So many runs back the newest good one is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """What is known of one profile."""

    profile: Profile
    points: Sequence[RestorePoint]
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
        now, standings = self._clock.now(), self._standings(hosts)
        timely = [one for one in self._standing.all() if hosts is None or one.profile.host in hosts]
        lines: list[str] = []
        queued = _queued(self._queue.queued_since(hosts=hosts), now)
        for name, meaning, samples in (*_metrics(standings, now), *_schedules(timely, now), queued):
            lines += [f"# HELP bck_{name} {meaning}", f"# TYPE bck_{name} gauge"]
            lines += [f"bck_{name}{_labels(labels)} {value:.16g}" for labels, value in samples]
        return "\n".join(lines) + "\n"

    def _standings(self, hosts: Collection[HostId] | None) -> list[_Standing]:
        with self._units(read_only=True) as uow:
            profiles = [one for one in uow.profiles.list() if hosts is None or one.host in hosts]
        checks = self._check_jobs.newest([profile.id for profile in profiles])
        with self._units(read_only=True) as uow:
            found = []
            for profile in profiles:
                last = uow.runs.last(profile.id)
                after = max(0, last.seq - _LAST_RUNS) if last else 0
                runs = uow.runs.list(profile.id, after_seq=after)
                found.append(
                    _Standing(
                        profile=profile,
                        points=uow.points.list(profile.id),
                        good_run=next((run for run in reversed(runs) if _is_good(run)), None),
                        check=checks.get(profile.id),
                    )
                )
            return found


def _is_good(run: Run) -> bool:
    return run.kind is RunKind.BACKUP and run.outcome is RunOutcome.SUCCEEDED


def _metrics(standings: Sequence[_Standing], now: datetime) -> Iterator[tuple[str, str, list[Sample]]]:
    yield "profile_enabled", "1 if backups may be started.", [_one(s, s.profile.enabled) for s in standings]
    yield "points", "Kept restore points.", [_one(s, len(s.points)) for s in standings]
    newest = [(s, s.points[-1]) for s in standings if s.points]
    yield "files", "Files of the newest point.", [_one(s, point.counts.files) for s, point in newest]
    yield "bytes", "Bytes of the newest point.", [_one(s, point.counts.bytes) for s, point in newest]
    good = [(s, point) for s in standings if (point := _good_point(s.points))]
    text = "Seconds since the newest good point was made or last proved to be up to date."
    yield "good_point_age_seconds", text, [_one(s, _age(now, point.verified_at)) for s, point in good]
    runs = [(s, s.good_run.finished) for s in standings if s.good_run and s.good_run.finished]
    text = "Seconds since the newest run that read everything ended."
    yield "good_run_age_seconds", text, [_one(s, _age(now, ended)) for s, ended in runs]
    checks = [(s, s.check) for s in standings if s.check and s.check.finished]
    times = [_one(s, job.finished.timestamp()) for s, job in checks if job.finished]
    yield "check_timestamp_seconds", "When the newest check ended, Unix time.", times
    text = "Files that the newest check read and proved by digest."
    yield "check_files_proven", text, [_one(s, _number(job, "files_proven")) for s, job in checks]
    text = "What the newest check found, by cause."
    yield "check_findings", text, [sample for s, job in checks for sample in _findings(s, job)]


def _schedules(standings: Sequence[Standing], now: datetime) -> Iterator[tuple[str, str, list[Sample]]]:
    labelled: list[tuple[Labels, Standing]] = [
        ({"profile": one.profile.id, "host": one.profile.host}, one) for one in standings
    ]
    text = "1 if the newest good point is as fresh as it must be; profiles without an objective have none."
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


def _findings(standing: _Standing, job: Job) -> Iterator[Sample]:
    """One for each cause, also those of which there are none: an alarm needs a number to compare."""
    causes = job.result.data.get("causes")
    for cause in Cause:
        count = causes.get(cause.value, 0) if isinstance(causes, Mapping) else 0
        yield {**_label(standing), "cause": cause.value}, float(count)


def _good_point(points: Sequence[RestorePoint]) -> RestorePoint | None:
    return next((point for point in reversed(points) if point.counted is Counted.COUNTED), None)


def _number(job: Job, name: str) -> float:
    value = job.result.data.get(name)
    return float(value) if isinstance(value, int) else 0.0


def _age(now: datetime, at: datetime) -> float:
    return max(0.0, (now - at).total_seconds())


def _one(standing: _Standing, value: float) -> Sample:
    return _label(standing), float(value)


def _label(standing: _Standing) -> Labels:
    return {"profile": standing.profile.id, "host": standing.profile.host}


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
