"""Options that say how long a transfer may take and how often it is tried. What is not given stays."""

from dataclasses import replace
from typing import Annotated

import typer

from bckcore.domain.duration import parsed_duration
from bckcore.domain.transfer import TransferOptions

ConnectTimeout = Annotated[
    str | None, typer.Option(metavar="TIME", help="Longest wait for the host to answer; 20s at first.")
]
IdleTimeout = Annotated[
    str | None, typer.Option(metavar="TIME", help="Longest time in which nothing arrives; 5m at first.")
]
TotalTimeout = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Longest time of a whole run, retries included; 0s for no limit."),
]
Attempts = Annotated[
    int | None, typer.Option(metavar="N", help="Tries for each folder when an error may pass; 3 at first.")
]


def patient(
    before: TransferOptions,
    connect_timeout: str | None,
    idle_timeout: str | None,
    total_timeout: str | None,
    attempts: int | None,
) -> TransferOptions:
    """``before`` with what was given instead. Raises InvalidInputError."""
    total = _seconds(total_timeout, before.total_timeout or 0)
    return replace(
        before,
        connect_timeout=_seconds(connect_timeout, before.connect_timeout),
        idle_timeout=_seconds(idle_timeout, before.idle_timeout),
        total_timeout=total or None,
        attempts=before.attempts if attempts is None else attempts,
    )


def _seconds(given: str | None, before: int) -> int:
    return before if given is None else int(parsed_duration(given).total_seconds())
