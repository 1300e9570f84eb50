"""From domain values to response bodies, and from request bodies to domain values. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import overload

from pydantic import SecretStr

from bck_apps.api import schemas
from bck_apps.api import schemas_profiles as profiles
from bck_apps.api.views_schedule import schedule_view, timing_of
from bckcore.domain.duration import duration_text, parsed_duration
from bckcore.domain.filters import FilterOptions
from bckcore.domain.host import Host
from bckcore.domain.host_path import typed_path, typed_paths
from bckcore.domain.ids import HostId, ProfileId, SourceName
from bckcore.domain.job import Job, JobResult
from bckcore.domain.login import Login
from bckcore.domain.paths import display, percent_decoded, percent_encoded
from bckcore.domain.profile import Profile
from bckcore.domain.restore import RestoreOptions
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.retention import RetentionDecision, RetentionPolicy
from bckcore.domain.secret import Secret
from bckcore.domain.source import Source, derived_name
from bckcore.domain.transfer import HostFacts, TransferOptions, TransferProgress
from bckcore.errors import InvalidInputError
from bckcore.ports.job_queue import Enqueued, LogLine
from bckcore.services.holds import HeldPoint
from bckcore.services.host_login import HostTrust
from bckcore.services.hosts import HostChange
from bckcore.services.profiles import KeptHistory
from bckcore.services.prune import PruneReport
from bckcore.services.restore import Foreseen
from bckcore.services.restore_request import RestoreRequest


def host_of(body: schemas.HostBody) -> Host:
    """The host that a request describes, without its login and key. Raises InvalidInputError."""
    return Host(
        id=HostId(body.name),
        address=body.address,
        port=body.port,
        user=body.user,
        gate=body.gate,
        transport=body.transport,
        platform=body.platform,
        host_keys=tuple(body.host_keys),
        allowed_roots=typed_paths(body.allow, body.platform),
        quota_bytes=body.quota_bytes or None,
        quota_inodes=body.quota_inodes or None,
        owners=tuple(dict.fromkeys(body.owners)),
    )


def host_change_of(body: schemas.HostChangeBody) -> HostChange:
    """What a request wants different at a host, without its key. Raises InvalidInputError."""
    return HostChange(
        address=body.address,
        port=body.port,
        user=body.user,
        login=body.login,
        gate=body.gate,
        transport=body.transport,
        platform=body.platform,
        allowed_roots=None if body.allow is None else tuple(body.allow),
        host_keys=None if body.host_keys is None else tuple(body.host_keys),
        quota_bytes=body.quota_bytes,
        quota_inodes=body.quota_inodes,
        owners=None if body.owners is None else tuple(body.owners),
    )


def host_view(host: Host, open_until: datetime | None = None) -> schemas.HostView:
    """A host for callers; its key stays in the vault. ``open_until``: its PC may be enrolled."""
    return schemas.HostView(
        name=host.id,
        address=host.address,
        port=host.port,
        user=host.user,
        platform=host.platform.value,
        transport=host.transport,
        allow=list(host.allowed_roots),
        owners=list(host.owners),
        host_keys=list(host.host_keys),
        login=host.login.value,
        has_private_key=host.key is not None and host.login.keeps_key,
        has_password=host.key is not None and host.login is Login.PASSWORD,
        gate=host.gate,
        quota_bytes=host.quota_bytes,
        quota_inodes=host.quota_inodes,
        awaits_enrolment=host.awaits_enrolment,
        enrolment_open_until=open_until,
    )


def trust_view(trust: HostTrust) -> schemas.TrustView:
    """What a host must hold, for callers."""
    host = trust.host
    return schemas.TrustView(
        name=host.id,
        login=host.login.value,
        user=host.user,
        authorized_keys=list(trust.lines),
        keys=list(trust.keys),
        fingerprints=list(trust.fingerprints),
        principal=trust.principal,
        gate=host.gate,
        allow=list(host.allowed_roots),
    )


def facts_view(facts: HostFacts) -> schemas.HostFactsView:
    """What a probe found."""
    return schemas.HostFactsView(
        rsync_version=facts.rsync_version,
        host_key=facts.host_key,
        latency_ms=facts.latency_ms,
        gate=facts.gate,
        sources=[schemas.ListedFolder(path=path, listed=listed) for path, listed in facts.sources],
    )


def profile_removed_view(kept: KeptHistory) -> profiles.ProfileRemovedView:
    """What stays of a removed profile."""
    return profiles.ProfileRemovedView(
        name=kept.ref.profile,
        host=kept.ref.host,
        runs=kept.runs,
        points=kept.points,
        kept=list(kept.places),
        advice=kept.way_back,
    )


def profile_of(body: profiles.ProfileBody, before: Profile | None = None) -> Profile:
    """The profile that a request describes. Raises InvalidInputError.

    A source without a name keeps the one it has in ``before``: a name is never derived twice.
    """
    return Profile(
        id=ProfileId(body.name),
        host=HostId(body.host),
        sources=_sources(body.sources, before.sources if before else ()),
        excludes=tuple(body.excludes),
        filters=(before.filters if before else FilterOptions()).changed(
            presets=body.presets,
            bckignore=body.bckignore,
            skip_caches=body.skip_caches,
            max_size=body.max_size,
        ),
        retention=_retention_of(body, before.retention if before else RetentionPolicy()),
        **timing_of(body, before),
        options=_options_of(body, before.options if before else TransferOptions()),
        enabled=body.enabled,
    )


def _options_of(body: profiles.ProfileBody, before: TransferOptions) -> TransferOptions:
    """What a caller does not know of, and so leaves out, stays as it is."""
    total = before.total_timeout if body.total_timeout is None else body.total_timeout or None
    given = {name: getattr(body, name) for name in ("connect_timeout", "idle_timeout", "attempts")}
    return replace(
        before,
        compress=body.compress,
        bandwidth_limit=body.bandwidth_limit,
        total_timeout=total,
        **{name: value for name, value in given.items() if value is not None},
    )


def _retention_of(body: profiles.ProfileBody, before: RetentionPolicy) -> RetentionPolicy:
    """What a caller does not know of, and so leaves out, stays as it is."""
    counts = {f"keep_{rule}": getattr(body, f"keep_{rule}") for rule in before.by_calendar}
    return replace(
        before,
        keep_last=body.keep_last,
        keep_within=parsed_duration(body.keep_within),
        min_age=before.min_age if body.min_age is None else parsed_duration(body.min_age),
        time_zone=before.time_zone if body.time_zone is None else body.time_zone,
        **{name: count for name, count in counts.items() if count is not None},
    )


def _sources(bodies: list[profiles.SourceBody], before: tuple[Source, ...]) -> tuple[Source, ...]:
    known = {source.path: source.name for source in before}
    taken = {*known.values(), *(SourceName(body.name) for body in bodies if body.name)}
    sources = []
    for body in bodies:
        path = typed_path(body.path).text
        name = SourceName(body.name) if body.name else known.get(path) or derived_name(path, taken)
        taken.add(name)
        sources.append(Source(name=name, path=path))
    return tuple(sources)


def profile_view(profile: Profile) -> profiles.ProfileView:
    """A profile for callers."""
    return profiles.ProfileView(
        name=profile.id,
        host=profile.host,
        sources=[profiles.SourceView(name=source.name, path=source.path) for source in profile.sources],
        excludes=list(profile.excludes),
        presets=list(profile.filters.presets),
        preset_rules=list(profile.filters.rules),
        bckignore=profile.filters.bckignore,
        skip_caches=profile.filters.skip_caches,
        max_size=profile.filters.max_size,
        keep_last=profile.retention.keep_last,
        keep_within=duration_text(profile.retention.keep_within),
        min_age=duration_text(profile.retention.min_age),
        time_zone=profile.retention.time_zone,
        **{f"keep_{rule}": count for rule, count in profile.retention.by_calendar.items()},
        compress=profile.options.compress,
        bandwidth_limit=profile.options.bandwidth_limit,
        connect_timeout=profile.options.connect_timeout,
        idle_timeout=profile.options.idle_timeout,
        total_timeout=profile.options.total_timeout,
        attempts=profile.options.attempts,
        schedule=schedule_view(profile.schedule),
        bandwidth_plan=list(profile.bandwidth_plan),
        fresh_within=duration_text(profile.fresh_within) if profile.fresh_within else None,
        enabled=profile.enabled,
        created=profile.created,
    )


def point_view(point: RestorePoint) -> schemas.PointView:
    """A restore point for callers."""
    return schemas.PointView(
        point=point.run_id,
        seq=point.seq,
        outcome=point.outcome.value,
        counted=point.counted is Counted.COUNTED,
        weight=point.counted.value,
        started=point.started,
        finished=point.finished,
        verified_at=point.verified_at,
        files=point.counts.files,
        bytes=point.counts.bytes,
        added=point.counts.added,
        changed=point.counts.changed,
        gone=point.counts.gone,
    )


def decision_view(decision: RetentionDecision) -> schemas.DecisionView:
    """A retention decision for callers."""
    return schemas.DecisionView(
        point=decision.point.run_id,
        seq=decision.point.seq,
        keep=decision.keep,
        reasons=list(decision.reasons),
    )


def plan_view(plan: PruneReport) -> schemas.PrunePlanView:
    """A prune that is only planned, for callers."""
    return schemas.PrunePlanView(
        items=[decision_view(decision) for decision in plan.decisions],
        next=None,
        forgotten=len(plan.forgotten),
        bytes_freed=plan.bytes_freed,
    )


def hold_view(held: HeldPoint) -> schemas.HoldView:
    """A hold for callers."""
    return schemas.HoldView(
        point=held.point.run_id,
        seq=held.point.seq,
        reason=held.hold.reason,
        owner=held.hold.owner,
        created=held.hold.created,
        expires=held.hold.expires,
        active=held.active,
    )


def restore_request_of(body: schemas.RestoreBody) -> RestoreRequest:
    """What a request for a restore asks for. Raises InvalidInputError."""
    if (body.to is None) != body.to_host or (body.host_dir is not None and not body.to_host):
        raise InvalidInputError("A restore goes `to` a folder on the server, or `to_host`: one of both.")
    return RestoreRequest(
        point=body.point,
        folder=None if body.to is None else Path(body.to),
        host_dir=body.host_dir,
        paths=wanted_paths(body),
        options=RestoreOptions(
            conflict=body.conflict,
            include_deleted=body.include_deleted,
            resume=body.resume,
            verify=body.verify,
        ),
        dry_run=body.dry_run,
    )


def foreseen_view(one: Foreseen) -> schemas.ForeseenView:
    """What a restore would do with one path."""
    entry = one.entry
    return schemas.ForeseenView(
        outcome=one.outcome.value if one.outcome else "failed",
        path=f"{one.source}/{display(one.path)}",
        path_bytes=f"{one.source}/{percent_encoded(one.path)}",
        kind=entry.kind.word if entry else None,
        size=entry.size if entry else None,
        problem=one.problem.message if one.problem else None,
    )


def wanted_paths(body: schemas.RestoreBody) -> tuple[bytes, ...]:
    """The paths of a restore request as bytes. Raises InvalidInputError."""
    return path_bytes_of(body.paths, body.path_bytes)


def path_bytes_of(texts: Iterable[str], encoded: Iterable[str]) -> tuple[bytes, ...]:
    """Paths given as text, and others percent-encoded, as bytes. Raises InvalidInputError."""
    return (*(path.encode("utf-8") for path in texts), *map(percent_decoded, encoded))


def progress_view(progress: TransferProgress) -> schemas.ProgressView:
    """Progress for callers."""
    return schemas.ProgressView(
        phase=progress.phase,
        source=progress.source,
        source_number=progress.source_number,
        source_count=progress.source_count,
        files_seen=progress.files_seen,
        files_total=progress.files_total,
        files_done=progress.files_done,
        bytes_done=progress.bytes_done,
        bytes_per_second=progress.bytes_per_second,
        percent=progress.percent,
        eta_seconds=progress.eta_seconds,
        estimated=progress.estimated,
        current_file=progress.current_file,
    )


def _error_view(result: JobResult) -> schemas.ErrorView | None:
    return schemas.ErrorView.model_validate(result.problem) if result.problem else None


def job_view(job: Job) -> schemas.JobView:
    """A job for callers; its payload is for runners."""
    return _job_view(job, lambda name, _: name != "findings")


def listed_job_view(job: Job) -> schemas.JobView:
    """A job among others: what its result names one by one - paths, rules - is left to the job's own view."""
    return _job_view(job, lambda _, value: not _names_many(value))


def _job_view(job: Job, told: Callable[[str, object], bool]) -> schemas.JobView:
    return schemas.JobView(
        job_id=job.id,
        kind=job.kind.value,
        profile=job.profile,
        host=job.host,
        status=job.status.value,
        requested_by=job.requested_by,
        created=job.created,
        started=job.started,
        finished=job.finished,
        cancel_requested=job.cancel_requested,
        claims=job.claims,
        deaths=job.deaths,
        progress=progress_view(job.progress),
        result={name: value for name, value in job.result.data.items() if told(name, value)} or None,
        error=_error_view(job.result),
    )


def _names_many(value: object) -> bool:
    return isinstance(value, list) or (isinstance(value, dict) and any(map(_names_many, value.values())))


def started_view(enqueued: Enqueued) -> schemas.Started:
    """The answer to a request for work."""
    return schemas.Started(
        created=enqueued.created,
        password_dropped=enqueued.password_dropped,
        job=job_view(enqueued.job),
    )


@overload
def secret_of(given: SecretStr) -> Secret[str]: ...
@overload
def secret_of(given: SecretStr | None) -> Secret[str] | None: ...
def secret_of(given: SecretStr | None) -> Secret[str] | None:
    """What a caller sent and nobody is to read."""
    return None if given is None else Secret(given.get_secret_value())


def line_view(line: LogLine) -> schemas.LogLineView:
    """A log line for callers."""
    return schemas.LogLineView(number=line.number, at=line.at, level=line.level, text=line.text)
