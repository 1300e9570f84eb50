"""Rows to domain values and back; pure."""

from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any

from bck_adapters.sql.schedules import schedule_of, schedule_values
from bck_adapters.sql.tables import CALENDAR_RULES
from bckcore.domain.access import Role, SecondFactor, User
from bckcore.domain.act import Act, ActKind
from bckcore.domain.filters import FilterOptions
from bckcore.domain.host import Host, Platform
from bckcore.domain.ids import HostId, JobId, ProfileId, RunId, SecretRef, SourceName
from bckcore.domain.job import Job, JobKind, JobResult, JobStatus
from bckcore.domain.login import Login
from bckcore.domain.paths import percent_decoded, percent_encoded, rel_path
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.run import Attempt, ChangeCounts, Run, RunKind, RunOutcome
from bckcore.domain.source import Source
from bckcore.domain.transfer import TransferOptions, TransferProgress

Values = dict[str, Any]
_MICROSECOND = timedelta(microseconds=1)
_COUNTS = tuple(field.name for field in fields(ChangeCounts))


def host_values(host: Host) -> Values:
    """A host as a row."""
    return {
        "id": host.id,
        "address": host.address,
        "port": host.port,
        "user_name": host.user,
        "platform": host.platform.value,
        "transport": host.transport,
        "login": host.login.value,
        "key_ref": host.key,
        "gate": host.gate,
        "host_keys": list(host.host_keys),
        "allowed_roots": list(host.allowed_roots),
        "quota_bytes": host.quota_bytes,
        "quota_inodes": host.quota_inodes,
        "owners": list(host.owners),
        "awaits_enrolment": host.awaits_enrolment,
    }


def host_of(row: Any) -> Host:
    """A row as a host."""
    return Host(
        id=HostId(row.id),
        address=row.address,
        port=row.port,
        user=row.user_name,
        platform=Platform(row.platform),
        transport=row.transport,
        login=Login(row.login),
        key=None if row.key_ref is None else SecretRef(row.key_ref),
        gate=row.gate,
        host_keys=tuple(row.host_keys),
        allowed_roots=tuple(row.allowed_roots),
        quota_bytes=row.quota_bytes,
        quota_inodes=row.quota_inodes,
        owners=tuple(row.owners or ()),
        awaits_enrolment=row.awaits_enrolment,
    )


def profile_values(profile: Profile) -> Values:
    """A profile as a row."""
    retention, fresh = profile.retention, profile.fresh_within
    return {
        "id": profile.id,
        "host": profile.host,
        "sources": [asdict(source) for source in profile.sources],
        "excludes": list(profile.excludes),
        "filters": asdict(profile.filters),
        "keep_last": retention.keep_last,
        "keep_within_us": retention.keep_within // _MICROSECOND,
        **schedule_values(profile.schedule),
        "bandwidth_plan": list(profile.bandwidth_plan) or None,
        "fresh_within_us": None if fresh is None else fresh // _MICROSECOND,
        "options": asdict(profile.options),
        "enabled": profile.enabled,
        "created": profile.created,
        **{f"keep_{rule}": getattr(retention, f"keep_{rule}") for rule in CALENDAR_RULES},
        "min_age_us": retention.min_age // _MICROSECOND,
        "time_zone": retention.time_zone,
    }


def profile_of(row: Any) -> Profile:
    """A row as a profile."""
    fresh = None if row.fresh_within_us is None else row.fresh_within_us * _MICROSECOND
    return Profile(
        id=ProfileId(row.id),
        host=HostId(row.host),
        sources=tuple(Source(name=SourceName(source["name"]), path=source["path"]) for source in row.sources),
        excludes=tuple(row.excludes),
        filters=_filters_of(row.filters or {}),
        retention=_retention_of(row),
        schedule=schedule_of(row),
        bandwidth_plan=tuple(row.bandwidth_plan or ()),
        fresh_within=fresh,
        options=TransferOptions(**row.options),
        enabled=row.enabled,
        created=row.created,
    )


def _filters_of(document: dict[str, Any]) -> FilterOptions:
    return FilterOptions(**document | {"presets": tuple(document.get("presets", ()))})


def _retention_of(row: Any) -> RetentionPolicy:
    return RetentionPolicy(
        keep_last=row.keep_last,
        **{f"keep_{rule}": getattr(row, f"keep_{rule}") for rule in CALENDAR_RULES},
        keep_within=row.keep_within_us * _MICROSECOND,
        min_age=row.min_age_us * _MICROSECOND,
        time_zone=row.time_zone,
    )


def _counts_values(counts: ChangeCounts) -> Values:
    return {f"{name}_count": getattr(counts, name) for name in _COUNTS}


def _counts_of(row: Any) -> ChangeCounts:
    return ChangeCounts(**{name: getattr(row, f"{name}_count") for name in _COUNTS})


def _attempt_values(attempt: Attempt) -> Values:
    times = {"started": attempt.started.isoformat(), "finished": attempt.finished.isoformat()}
    return asdict(attempt) | times


def _attempt_of(values: Values) -> Attempt:
    times = {name: datetime.fromisoformat(values[name]) for name in ("started", "finished")}
    return Attempt(**(values | times))


def run_values(run: Run) -> Values:
    """A run as a row, without the note about its increment."""
    return {
        "id": run.id,
        "profile": run.profile,
        "host": run.host,
        "job": run.job,
        "seq": run.seq,
        "kind": run.kind.value,
        "started": run.started,
        "finished": run.finished,
        "outcome": None if run.outcome is None else run.outcome.value,
        "made_point": run.made_point,
        **_counts_values(run.counts),
        "attempts": [_attempt_values(attempt) for attempt in run.attempts],
        "problem_count": run.problem_count,
        "error_code": run.error_code,
        "error": run.error,
    }


def run_of(row: Any) -> Run:
    """A row as a run."""
    return Run(
        id=RunId(row.id),
        profile=ProfileId(row.profile),
        host=HostId(row.host),
        job=JobId(row.job),
        seq=row.seq,
        kind=RunKind(row.kind),
        started=row.started,
        finished=row.finished,
        outcome=None if row.outcome is None else RunOutcome(row.outcome),
        made_point=row.made_point,
        counts=_counts_of(row),
        attempts=tuple(_attempt_of(values) for values in row.attempts),
        problem_count=row.problem_count,
        error_code=row.error_code,
        error=row.error,
    )


def point_values(point: RestorePoint) -> Values:
    """A restore point as a row."""
    return {
        "profile": point.profile,
        "seq": point.seq,
        "run_id": point.run_id,
        "outcome": point.outcome.value,
        "counted": point.counted.value,
        "started": point.started,
        "finished": point.finished,
        "verified_at": point.verified_at,
        **_counts_values(point.counts),
    }


def point_of(row: Any) -> RestorePoint:
    """A row as a restore point."""
    return RestorePoint(
        profile=ProfileId(row.profile),
        run_id=RunId(row.run_id),
        seq=row.seq,
        outcome=RunOutcome(row.outcome),
        counted=Counted(row.counted),
        started=row.started,
        finished=row.finished,
        verified_at=row.verified_at,
        counts=_counts_of(row),
    )


def act_values(act: Act) -> Values:
    """An act as a row; paths as in its file."""
    return {
        "profile": act.profile,
        "host": act.host,
        "number": act.number,
        "kind": act.kind.value,
        "at": act.at,
        "by_whom": act.by,
        "reason": act.reason,
        "after_seq": act.after_seq,
        "points": list(act.points),
        "paths": [[source, percent_encoded(path)] for source, path in act.paths],
        "expires": act.expires,
        "previous": act.previous,
    }


def act_of(row: Any) -> Act:
    """A row as an act."""
    return Act(
        profile=ProfileId(row.profile),
        host=HostId(row.host),
        number=row.number,
        kind=ActKind(row.kind),
        at=row.at,
        by=row.by_whom,
        reason=row.reason,
        after_seq=row.after_seq,
        points=tuple(row.points),
        paths=tuple((SourceName(source), rel_path(percent_decoded(path))) for source, path in row.paths),
        expires=row.expires,
        previous=row.previous,
    )


def user_values(user: User) -> Values:
    """An account as a row."""
    return {
        "name": user.name,
        "role": user.role.value,
        "password_hash": user.password_hash,
        "created": user.created,
        "second_factor": None if user.second_factor is None else asdict(user.second_factor),
    }


def user_of(row: Any) -> User:
    """A row as an account."""
    factor = row.second_factor
    return User(
        name=row.name,
        role=Role(row.role),
        password_hash=row.password_hash,
        created=row.created,
        second_factor=None
        if factor is None
        else SecondFactor(**factor | {"recovery": tuple(factor["recovery"])}),
    )


def job_values(job: Job) -> Values:
    """A job as a row, without its lease."""
    return {
        "id": job.id,
        "kind": job.kind.value,
        "profile": job.profile,
        "host": job.host,
        "requested_by": job.requested_by,
        "created": job.created,
        "status": job.status.value,
        "payload": dict(job.payload),
        "idempotency_key": job.idempotency_key,
        "started": job.started,
        "finished": job.finished,
        "claims": job.claims,
        "deaths": job.deaths,
        "asked": job.asked,
        "cancel_requested": job.cancel_requested,
        "progress": asdict(job.progress),
        "result": result_values(job.result),
    }


def result_values(result: JobResult) -> Values:
    """A result as JSON."""
    parts = ("error_code", "error", "meaning", "advice")
    return {"data": dict(result.data), **{name: getattr(result, name) for name in parts}}


def job_of(row: Any) -> Job:
    """A row as a job."""
    return Job(
        id=JobId(row.id),
        kind=JobKind(row.kind),
        profile=ProfileId(row.profile),
        host=HostId(row.host),
        requested_by=row.requested_by,
        created=row.created,
        status=JobStatus(row.status),
        payload=row.payload,
        idempotency_key=row.idempotency_key,
        started=row.started,
        finished=row.finished,
        claims=row.claims,
        deaths=row.deaths,
        asked=row.asked,
        cancel_requested=row.cancel_requested,
        progress=TransferProgress(**row.progress),
        result=JobResult(**row.result),
    )
