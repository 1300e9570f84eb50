"""Schedules, freshness and signs of life as JSON documents; the same shapes as the HTTP API's. Pure."""

from typing import TYPE_CHECKING

from bck_apps.cli.units import time_json
from bckcore.domain.duration import duration_text
from bckcore.domain.presence import Presence
from bckcore.domain.profile import Profile
from bckcore.domain.schedule import CONDITIONS, Schedule

if TYPE_CHECKING:
    from bckcore.services.standing import Standing


def timing_document(profile: Profile) -> dict[str, object]:
    """The part of a profile's document about times, as the HTTP API has it."""
    schedule, fresh = profile.schedule, profile.fresh_within
    return {
        "schedule": schedule_document(schedule) if schedule else None,
        "bandwidth_plan": list(profile.bandwidth_plan),
        "fresh_within": duration_text(fresh) if fresh else None,
    }


def schedule_document(schedule: Schedule) -> dict[str, object]:
    """A schedule."""
    return {
        "every": None if schedule.every is None else duration_text(schedule.every),
        "cron": schedule.cron or None,
        "windows": list(schedule.windows),
        "blackouts": list(schedule.blackouts),
        "jitter": duration_text(schedule.jitter),
        **{name: getattr(schedule, name) for name in CONDITIONS},
    }


def standing_document(one: "Standing") -> dict[str, object]:
    """How a profile stands, as the HTTP API has it."""
    profile, decision, health = one.profile, one.decision, one.health
    return {
        "profile": profile.id,
        "host": profile.host,
        "schedule": profile.schedule.text if profile.schedule else None,
        "verdict": decision.verdict.value,
        "reason": decision.reason,
        "due": time_json(decision.due),
        "until": time_json(decision.until),
        "health": health.state.value,
        "fresh": health.fresh,
        "fresh_within": duration_text(profile.fresh_within) if profile.fresh_within else None,
        "fresh_until": time_json(health.fresh_until),
        "good_at": time_json(health.good_at),
        "last_try": time_json(one.state.last_try),
        "tries": one.state.tries,
        "offline_since": time_json(one.offline_since),
        "presence": presence_document(one.presence) if one.presence else None,
    }


def presence_document(kept: Presence) -> dict[str, object]:
    """A sign of life."""
    return {
        "host": kept.host,
        "at": time_json(kept.at),
        "expires": time_json(kept.expires),
        "since": time_json(kept.since),
        "awake": kept.awake,
        "on_mains": kept.on_mains,
        "unmetered": kept.unmetered,
        "idle": kept.idle,
    }
