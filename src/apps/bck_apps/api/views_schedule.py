"""Schedules, freshness and signs of life: from bodies to domain values and back. Pure."""

from datetime import timedelta
from typing import Any

from bck_apps.api import schemas_schedule
from bck_apps.api.schemas_profiles import ProfileBody
from bckcore.domain.duration import duration_text, parsed_duration
from bckcore.domain.presence import Presence
from bckcore.domain.profile import Profile
from bckcore.domain.schedule import CONDITIONS, Schedule
from bckcore.services.presence import Sign
from bckcore.services.standing import Standing


def timing_of(body: ProfileBody, before: Profile | None) -> dict[str, Any]:
    """Fields of a profile about times: what a caller does not know of, and so leaves out, stays."""
    given = body.model_fields_set
    plan, fresh = body.bandwidth_plan, body.fresh_within
    return {
        "schedule": schedule_of(body.schedule) if "schedule" in given else before and before.schedule,
        "bandwidth_plan": tuple(plan or ())
        if "bandwidth_plan" in given
        else before.bandwidth_plan
        if before
        else (),
        "fresh_within": _duration(fresh) if "fresh_within" in given else before and before.fresh_within,
    }


def _duration(text: str | None) -> timedelta | None:
    return None if text is None else parsed_duration(text)


def schedule_of(body: schemas_schedule.ScheduleBody | None) -> Schedule | None:
    """The schedule that a request describes. Raises InvalidInputError."""
    if body is None:
        return None
    return Schedule(
        every=_duration(body.every),
        cron=body.cron or "",
        windows=tuple(body.windows),
        blackouts=tuple(body.blackouts),
        jitter=parsed_duration(body.jitter),
        **{name: getattr(body, name) for name in CONDITIONS},
    )


def schedule_view(schedule: Schedule | None) -> schemas_schedule.ScheduleView | None:
    """A schedule for callers."""
    if schedule is None:
        return None
    return schemas_schedule.ScheduleView(
        every=None if schedule.every is None else duration_text(schedule.every),
        cron=schedule.cron or None,
        windows=list(schedule.windows),
        blackouts=list(schedule.blackouts),
        jitter=duration_text(schedule.jitter),
        **{name: getattr(schedule, name) for name in CONDITIONS},
    )


def sign_of(body: schemas_schedule.PresenceBody) -> Sign:
    """What a host says."""
    return Sign(
        awake=body.awake,
        on_mains=body.on_mains,
        unmetered=body.unmetered,
        idle=body.idle,
        minutes=body.minutes,
    )


def presence_view(presence: Presence) -> schemas_schedule.PresenceView:
    """A sign of life for callers."""
    return schemas_schedule.PresenceView(**{name: getattr(presence, name) for name in Presence.__slots__})


def standing_view(one: Standing) -> schemas_schedule.StandingView:
    """How a profile stands, for callers."""
    profile, decision, health = one.profile, one.decision, one.health
    return schemas_schedule.StandingView(
        profile=profile.id,
        host=profile.host,
        schedule=profile.schedule.text if profile.schedule else None,
        verdict=decision.verdict.value,
        reason=decision.reason,
        due=decision.due,
        until=decision.until,
        health=health.state.value,
        fresh=health.fresh,
        fresh_within=duration_text(profile.fresh_within) if profile.fresh_within else None,
        fresh_until=health.fresh_until,
        good_at=health.good_at,
        last_try=one.state.last_try,
        tries=one.state.tries,
        offline_since=one.offline_since,
        presence=presence_view(one.presence) if one.presence else None,
    )
