"""Options that say how long points are kept, and the policy that they make. What is not given stays."""

from dataclasses import replace
from typing import Annotated

import typer

from bckcore.domain.duration import parsed_duration
from bckcore.domain.retention import RetentionPolicy

KeepLast = Annotated[int | None, typer.Option(min=1, help="Keep so many good points; 20 at first.")]
KeepHourly = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Keep the last good point of so many hours.")
]
KeepDaily = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Keep the last good point of so many days.")
]
KeepWeekly = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Keep the last good point of so many weeks.")
]
KeepMonthly = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Keep the last good point of so many months.")
]
KeepYearly = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Keep the last good point of so many years.")
]
KeepWithin = Annotated[
    str | None, typer.Option(metavar="TIME", help="Keep all points younger than that; 7d at first.")
]
MinAge = Annotated[
    str | None, typer.Option(metavar="TIME", help="Nothing younger ever goes, whatever it is; 1d at first.")
]
TimeZone = Annotated[
    str | None, typer.Option(metavar="ZONE", help="Whose days and weeks count, as Europe/Rome; UTC at first.")
]
Given = int | str | None
_TIMES = ("keep_within", "min_age")


def changed(before: RetentionPolicy, given: dict[str, Given]) -> RetentionPolicy:
    """``before`` with what was given instead. Raises InvalidInputError."""
    wanted = {
        name: parsed_duration(str(value)) if name in _TIMES else value
        for name, value in given.items()
        if value is not None
    }
    return replace(before, **wanted)  # type: ignore[arg-type]  # the options above give each its type
