"""Schedule jobs: what a job says that the schedule asked for, and what its end means for the schedule."""

from dataclasses import replace
from datetime import datetime, timedelta

from bckcore.domain.access import SCHEDULE
from bckcore.domain.due import ScheduleState, retry_after
from bckcore.domain.ids import RunId, is_run_id, run_id_time
from bckcore.domain.job import Job, JobStatus
from bckcore.errors import HeldOffError, HostUnreachableError, TransientError

REQUESTED_BY = SCHEDULE
MOST_FAILURES = 3
"""So often a due moment is tried that reaches the host and breaks off; then the next one counts."""
HELD_OFF_RETRY = timedelta(minutes=1)
"""So long nobody asks again for what was held off, though it may start: clocks of two machines differ."""
_IF_REACHABLE = "only_if_reachable"
_WENT_THROUGH = (JobStatus.SUCCEEDED, JobStatus.PARTIAL, JobStatus.SUSPECT)


def if_reachable(wanted: bool) -> dict[str, object]:
    """The part of a job's payload that says: without the host, end before a run begins."""
    return {_IF_REACHABLE: True} if wanted else {}


def needs_reachable(job: Job) -> bool:
    """True if the job looks for its host first, and makes no run without it."""
    return job.payload.get(_IF_REACHABLE) is True


def key_of(state: ScheduleState, due: datetime) -> str:
    """The idempotency key of the next try: whoever asks for it, and however often, it is one job."""
    return f"schedule/{state.profile}/{due.isoformat()}/{tries_for(state, due) + 1}"


def tries_for(state: ScheduleState, due: datetime) -> int:
    """Tries that were made for this due moment."""
    return state.tries if state.due_since == due else 0


def asked(state: ScheduleState, job: Job, *, due: datetime, now: datetime) -> ScheduleState:
    """The state after a try was asked for."""
    failures = state.failures if state.due_since == due else 0
    tries = tries_for(state, due) + 1
    return replace(
        state, job=job.id, due_since=due, tries=tries, failures=failures, last_try=now, next_try=None
    )


def not_asked(state: ScheduleState, why: str, *, due: datetime, now: datetime) -> ScheduleState:
    """The state after a try that could not even be asked for."""
    tries = tries_for(state, due) + 1
    return replace(
        state, due_since=due, tries=tries, last_try=now, next_try=now + retry_after(tries), note=why
    )


def answered_by(state: ScheduleState, start: datetime) -> ScheduleState:
    """The state after a backup that started then: nothing is owed any more."""
    return replace(
        state,
        answered=start,
        due_since=None,
        tries=0,
        failures=0,
        job=None,
        next_try=None,
        offline_since=None,
        note="",
    )


def settled(state: ScheduleState, job: Job | None, now: datetime) -> ScheduleState:
    """The state after its try is over; ``job`` is None when nobody knows it any more."""
    started = min(now, max(_began(job) if job else now, state.due_since or now))
    if job is None or job.status in _WENT_THROUGH:
        return answered_by(state, started)
    ended = min(now, job.finished or now)
    over = replace(state, job=None, note=job.result.error, next_try=ended + retry_after(state.tries))
    if job.result.error_code == HostUnreachableError.code:
        return replace(over, offline_since=state.offline_since or ended)
    if job.result.error_code == HeldOffError.code:  # soon again; only the number of the try is used up
        return replace(over, next_try=now + HELD_OFF_RETRY)
    if job.status is JobStatus.CANCELLED and not job.by_itself:
        # Whoever took it on gave up a backup of their own, not the schedule's.
        note = f"It had become a backup of {job.requested_by}, and was cancelled."
        return replace(over, note=note)
    failures = state.failures + 1
    if job.result.error_code in _codes(TransientError) and failures < MOST_FAILURES:
        return replace(over, failures=failures, offline_since=None)
    # Another try would meet the same until a person acts: the next due moment counts.
    return replace(answered_by(state, now), note=job.result.error)


def _began(job: Job) -> datetime:
    """When that backup began; one that had ended before its job was taken up once more, long before that."""
    run = job.result.data.get("run_id")
    if isinstance(run, str) and is_run_id(run):
        return run_id_time(RunId(run))
    return job.started or job.created


def _codes(root: type[TransientError]) -> set[str]:
    return {root.code}.union(*(_codes(kind) for kind in root.__subclasses__()))
