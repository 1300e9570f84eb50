"""Domain values as JSON documents; the same shapes as the HTTP API's. Pure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bck_apps.cli.schedule_documents import timing_document
from bck_apps.cli.units import time_json
from bckcore.domain.duration import duration_text
from bckcore.domain.host import Host
from bckcore.domain.job import Job, JobKind
from bckcore.domain.paths import display, percent_encoded
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.retention import RetentionDecision
from bckcore.errors import BckError
from bckcore.ports.job_queue import LogLine
from bckcore.services.browsed import full_path

if TYPE_CHECKING:
    from datetime import datetime

    from bckcore.services.holds import HeldPoint
    from bckcore.services.prune import PruneReport
    from bckcore.services.restore import Foreseen

Document = dict[str, object]


def error_document(error: BckError) -> Document:
    """``{"error": …}`` as every verb prints it under --json."""
    return {
        "error": {
            "code": error.code,
            "what": error.what,
            "meaning": error.meaning,
            "advice": error.advice,
        }
    }


def job_document(job: Job) -> Document:
    """A job; for a finished one ``result`` holds what it has to say."""
    progress = job.progress
    return {
        "job_id": job.id,
        "kind": job.kind.value,
        "profile": job.profile,
        "host": job.host,
        "status": job.status.value,
        "requested_by": job.requested_by,
        "created": time_json(job.created),
        "started": time_json(job.started),
        "finished": time_json(job.finished),
        "cancel_requested": job.cancel_requested,
        "claims": job.claims,
        "deaths": job.deaths,
        "progress": {name: getattr(progress, name) for name in progress.__slots__},
        "result": dict(job.result.data) or None,
        "error": job.result.problem,
    }


def outcome_document(job: Job) -> Document:
    """A job at its end, with what people ask for first at the top level."""
    data: Mapping[str, object] = job.result.data
    first: Document = {"job_id": job.id, "run_id": None, "outcome": job.status.value}
    if job.kind is JobKind.BACKUP:
        first |= {"point": None, "made_point": False, "counts": None, "problems": 0}
    if data.get("outcome") is None:
        data = {key: value for key, value in data.items() if key != "outcome"}
    return {**job_document(job), **first, **data}


def log_document(line: LogLine) -> Document:
    """One line of a job's log."""
    return {"number": line.number, "at": time_json(line.at), "level": line.level, "text": line.text}


def foreseen_document(one: "Foreseen") -> Document:
    """What a restore would do with one path; ``failed`` comes with the problem."""
    entry, path = one.entry, full_path(one.source, one.path)
    return {
        "outcome": one.outcome.value if one.outcome else "failed",
        "path": display(path),
        "path_bytes": percent_encoded(path),
        "kind": entry.kind.word if entry else None,
        "size": entry.size if entry else None,
        "problem": one.problem.message if one.problem else None,
    }


def point_document(point: RestorePoint) -> Document:
    """A restore point. ``counted`` tells if it uses up a place in the retention policy, ``weight`` why."""
    counts = point.counts
    return {
        "point": point.run_id,
        "seq": point.seq,
        "outcome": point.outcome.value,
        "counted": point.counted is Counted.COUNTED,
        "weight": point.counted.value,
        "started": time_json(point.started),
        "finished": time_json(point.finished),
        "verified_at": time_json(point.verified_at),
        "files": counts.files,
        "bytes": counts.bytes,
        "added": counts.added,
        "changed": counts.changed,
        "gone": counts.gone,
    }


def decision_document(decision: RetentionDecision) -> Document:
    """What the retention policy says about one point."""
    return {
        "point": decision.point.run_id,
        "seq": decision.point.seq,
        "keep": decision.keep,
        "reasons": list(decision.reasons),
    }


def plan_document(plan: "PruneReport") -> Document:
    """What pruning would do now."""
    return {
        "items": [decision_document(decision) for decision in plan.decisions],
        "forgotten": len(plan.forgotten),
        "bytes_freed": plan.bytes_freed,
        "dry_run": True,
    }


def hold_document(held: "HeldPoint") -> Document:
    """A hold and the point it is on."""
    return {
        "point": held.point.run_id,
        "seq": held.point.seq,
        "reason": held.hold.reason,
        "owner": held.hold.owner,
        "created": time_json(held.hold.created),
        "expires": time_json(held.hold.expires),
        "active": held.active,
    }


def host_document(host: Host, open_until: "datetime | None" = None) -> Document:
    """A host; its private key is never part of it."""
    return {
        "name": host.id,
        "address": host.address,
        "port": host.port,
        "user": host.user,
        "platform": host.platform.value,
        "transport": host.transport,
        "allow": list(host.allowed_roots),
        "owners": list(host.owners),
        "host_keys": list(host.host_keys),
        "login": host.login.value,
        "has_key": host.key is not None and host.login.keeps_key,
        "has_private_key": host.key is not None and host.login.keeps_key,  # the API's name for the same
        "has_password": host.key is not None and not host.login.keeps_key,
        "gate": host.gate,
        "quota_bytes": host.quota_bytes,
        "quota_inodes": host.quota_inodes,
        "awaits_enrolment": host.awaits_enrolment,
        "enrolment_open_until": time_json(open_until),
    }


def profile_document(profile: Profile) -> Document:
    """A profile."""
    return {
        "name": profile.id,
        "host": profile.host,
        "sources": [{"name": source.name, "path": source.path} for source in profile.sources],
        "excludes": list(profile.excludes),
        "presets": list(profile.filters.presets),
        "preset_rules": list(profile.filters.rules),
        "bckignore": profile.filters.bckignore,
        "skip_caches": profile.filters.skip_caches,
        "max_size": profile.filters.max_size,
        "keep_last": profile.retention.keep_last,
        **{f"keep_{rule}": count for rule, count in profile.retention.by_calendar.items()},
        "keep_within": duration_text(profile.retention.keep_within),
        "min_age": duration_text(profile.retention.min_age),
        "time_zone": profile.retention.time_zone,
        "compress": profile.options.compress,
        "bandwidth_limit": profile.options.bandwidth_limit,
        "connect_timeout": profile.options.connect_timeout,
        "idle_timeout": profile.options.idle_timeout,
        "total_timeout": profile.options.total_timeout,
        "attempts": profile.options.attempts,
        **timing_document(profile),
        "enabled": profile.enabled,
        "created": time_json(profile.created),
    }
