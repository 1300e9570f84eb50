"""Options that tell when a profile is backed up, how fast, and how fresh it must be; for add and set."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Annotated, Any, get_type_hints

import typer

from bckcore.domain.duration import duration_text, parsed_duration
from bckcore.domain.profile import Profile
from bckcore.domain.schedule import CONDITIONS, Schedule
from bckcore.errors import InvalidInputError

Hours = "'[DAYS] HH:MM-HH:MM'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What was given; None: it stays as it is."""

    every: Annotated[
        str | None, typer.Option(metavar="TIME", help="Back up so long after the last start, as 4h or 1d.")
    ] = None
    cron: Annotated[
        str | None, typer.Option(metavar="LINE", help="Back up at these times, as crontab: '0 2 * * *'.")
    ] = None
    window: Annotated[
        list[str] | None,
        typer.Option(metavar=Hours, help="Start only then, as 'mon-fri 08:00-20:00'; repeatable."),
    ] = None
    blackout: Annotated[
        list[str] | None,
        typer.Option(metavar=Hours, help="Never start then; wins over --window; repeatable."),
    ] = None
    jitter: Annotated[
        str | None, typer.Option(metavar="TIME", help="Spread the starts of all hosts over so long, as 30m.")
    ] = None
    only_on_mains: Annotated[
        bool | None,
        typer.Option("--only-on-mains/--also-on-battery", help="Not while the host says it has no mains."),
    ] = None
    only_unmetered: Annotated[
        bool | None,
        typer.Option("--only-unmetered/--also-metered", help="Not while the host says bytes cost money."),
    ] = None
    only_idle: Annotated[
        bool | None, typer.Option("--only-idle/--also-in-use", help="Not while somebody works at the host.")
    ] = None
    bandwidth_plan: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOURS=SIZE", help="So fast then, as '08:00-18:00=2M'; 0: no limit; repeatable."
        ),
    ] = None
    fresh_within: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Alarm when no good backup is younger, as 3d; '' for none."),
    ] = None
    no_schedule: Annotated[
        bool, typer.Option("--no-schedule", help="No schedule: back up only when somebody asks.")
    ] = False

    @property
    def given(self) -> bool:
        """True if anything was."""
        return self != Timing()

    def applied(self, profile: Profile) -> Profile:
        """The profile with what was given. Raises InvalidInputError."""
        fresh, plan = self.fresh_within, self.bandwidth_plan
        return replace(
            profile,
            schedule=self._schedule(profile.schedule),
            bandwidth_plan=profile.bandwidth_plan if plan is None else _lines(plan),
            fresh_within=profile.fresh_within if fresh is None else parsed_duration(fresh) if fresh else None,
        )

    def _schedule(self, before: Schedule | None) -> Schedule | None:
        wanted = self._wanted()
        if self.no_schedule:
            if wanted:
                raise InvalidInputError("--no-schedule stands alone: no schedule has no times either.")
            return None
        if not wanted:
            return before
        if before is None and self.every is None and self.cron is None:
            raise InvalidInputError(
                "There is no schedule that this could change.", advice="Give --every or --cron as well."
            )
        if before is None:
            return Schedule(**wanted)
        return replace(before, **wanted)

    def _wanted(self) -> dict[str, Any]:
        """Fields of a schedule that were given; an interval takes the place of cron, and the other way."""
        wanted: dict[str, Any] = {}
        if self.every is not None:
            wanted |= {"every": parsed_duration(self.every), "cron": self.cron or ""}
        elif self.cron is not None:
            wanted |= {"every": None, "cron": self.cron}
        if self.window is not None:
            wanted["windows"] = _lines(self.window)
        if self.blackout is not None:
            wanted["blackouts"] = _lines(self.blackout)
        if self.jitter is not None:
            wanted["jitter"] = parsed_duration(self.jitter) if self.jitter else timedelta(0)
        conditions = {name: getattr(self, name) for name in CONDITIONS}
        return wanted | {name: only for name, only in conditions.items() if only is not None}


NOTHING_GIVEN = Timing()


def _lines(given: list[str]) -> tuple[str, ...]:
    """A list takes the place of the one before; '' alone empties it."""
    return () if given == [""] else tuple(given)


def with_timing(command: Callable[..., None]) -> Callable[..., None]:
    """For typer: the options of Timing, which the command takes together as its parameter ``timing``."""
    options = get_type_hints(Timing, include_extras=True)
    own = inspect.signature(command, eval_str=True)
    added = [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=hint)
        for one, hint in ((one, options[one.name]) for one in fields(Timing))
    ]
    kept = [parameter for name, parameter in own.parameters.items() if name not in ("timing", "as_json")]
    last = own.parameters["as_json"].replace(kind=inspect.Parameter.KEYWORD_ONLY)

    def wrapper(*args: Any, **values: Any) -> None:
        timing = Timing(**{name: values.pop(name) for name in options})
        command(*args, timing=timing, **values)

    wrapper.__name__, wrapper.__doc__, wrapper.__module__ = (
        command.__name__,
        command.__doc__,
        command.__module__,
    )
    parameters = [*kept, *added, last]
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect
    wrapper.__annotations__ = {one.name: one.annotation for one in parameters}
    return wrapper


def timing_fields(profile: Profile) -> tuple[tuple[str, str], ...]:
    """Names and values for people."""
    return (
        ("schedule", profile.schedule.text if profile.schedule else "none: when somebody asks"),
        ("time zone", profile.retention.time_zone),
        ("bandwidth plan", "\n".join(profile.bandwidth_plan)),
        ("fresh within", duration_text(profile.fresh_within) if profile.fresh_within else ""),
    )
