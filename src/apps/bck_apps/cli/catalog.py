"""Verbs about the catalog: rebuild it from the storage alone."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.doctor import accounts_finding
from bck_apps.cli.documents import error_document
from bck_apps.cli.screen import Json, error_text, say, show, table
from bck_apps.cli.session import opened
from bck_apps.cli.status import FAILED, PARTIAL
from bckcore.domain.run import ProfileRef
from bckcore.errors import BckError, InvalidInputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bck_apps.wiring.rescue import Rescued
    from bckcore.services.rebuild import Rebuild, RebuildReport

EVERY = 1000

app = typer.Typer(help="The index of runs, points and file versions.", no_args_is_help=True)


@app.command("rebuild")
def rebuild(
    profile: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="This profile alone, instead of all in storage.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    accept_damage: Annotated[
        bool,
        typer.Option(
            "--accept-damage", help="Where records are damaged, bring back what is certain and name the rest."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make runs, points, holds and file versions anew from what the storage tells.

    What the database has of these profiles is replaced. Files are not touched. Hosts and profiles that
    the database lacks are added, switched off. Safe to repeat; one that was cut off goes on.

    A database that is damaged is set aside beside itself, as bck.sqlite3.damaged-TIME, and a new one is
    made: accounts go over if they can still be read whole; jobs and their logs stay behind.
    """
    saved = _rescued(profile, yes=yes, as_json=as_json)
    with opened() as application:
        service = application.rebuilds
        refs = service.found(profile)
        _confirm([ref for ref in refs if service.known(ref)], yes=yes, as_json=as_json)
        done, refused = _rebuilt(service, refs, accept_damage=accept_damage)
        fine, accounts = accounts_finding(application.access.users())
    document = {
        "database": _saved_document(saved) if saved else None,
        "accounts": accounts,
        "items": [_document(report) for report in done],
        "refused": [
            {"profile": ref.profile, "host": ref.host, **error_document(error)} for ref, error in refused
        ],
    }
    show(as_json, document, lambda: _view(done))
    for ref, error in refused:
        say(f"{ref.profile} on {ref.host}: {error_text(error)}")
    if not fine:
        say(f"Accounts: {accounts}.")
    if refused:
        raise typer.Exit(FAILED)
    if any(report.damage for report in done):
        raise typer.Exit(PARTIAL)


def _rescued(profile: str | None, *, yes: bool, as_json: bool) -> "Rescued | None":
    """A new database, where the old one is harmed as a whole."""
    from bck_apps.wiring import home_folder, needed_rescue

    rescue = needed_rescue(home_folder())
    if rescue is None:
        return None
    if profile is not None:
        raise InvalidInputError(
            f"The whole database is harmed: {rescue.damage}.",
            meaning="A new one is needed, and it would know of this profile alone. Nothing was changed.",
            advice="Leave --profile out.",
        )
    if rescue.file.exists() and rescue.file.stat().st_size and not yes:
        if as_json or not sys.stdin.isatty():
            raise InvalidInputError(
                f"The database is damaged: {rescue.damage}.",
                meaning="A new one has to be made, and nobody can be asked.",
                advice="Give --yes. The damaged file is kept beside it.",
            )
        say(f"The database is damaged ({rescue.damage}). It is set aside, and a new one is made.")
        typer.confirm("Go on?", abort=True)
    saved = rescue.carry_out()
    for line in saved_lines(saved):
        say(line)
    return saved


def saved_lines(saved: "Rescued") -> list[str]:
    """What was done about a harmed database, what is lost with it, and what is to be done."""
    kept = f"It is kept as {saved.set_aside}. " if saved.set_aside else ""
    lines = [
        f"The database was harmed: {saved.damage}. {kept}A new one was made.",
        "Lost with it: the queue, finished jobs and their logs, and digests that only a check knew.",
    ]
    if saved.accounts:
        lines.append(f"Accounts were carried over: {', '.join(saved.accounts)}.")
    return lines


def _saved_document(saved: "Rescued") -> dict[str, object]:
    return {
        "damage": saved.damage,
        "set_aside": str(saved.set_aside) if saved.set_aside else None,
        "accounts": list(saved.accounts),
    }


def _confirm(refs: Sequence[ProfileRef], *, yes: bool, as_json: bool) -> None:
    if yes or not refs:
        return
    names = ", ".join(f"{ref.profile} on {ref.host}" for ref in refs)
    if as_json or not sys.stdin.isatty():
        raise InvalidInputError(
            f"What the database has of {names} would be replaced, and nobody can be asked.",
            advice="Give --yes.",
        )
    say(f"What the database has of these is replaced by what the storage tells: {names}.")
    typer.confirm("Go on?", abort=True)


def _rebuilt(
    service: "Rebuild", refs: Sequence[ProfileRef], *, accept_damage: bool
) -> tuple[list["RebuildReport"], list[tuple[ProfileRef, BckError]]]:
    done, refused = [], []
    for ref in refs:
        try:
            done.append(service.rebuild(ref, accept_damage=accept_damage, told=_telling()))
        except BckError as error:
            refused.append((ref, error))
    return done, refused


def _telling() -> Callable[[ProfileRef, int, int], None]:
    told = 0

    def tell(ref: ProfileRef, entered: int, total: int) -> None:
        nonlocal told
        if entered - told >= EVERY:
            told = entered
            say(f"{ref.profile} on {ref.host}: {entered} of {total} records")

    return tell


def _document(report: "RebuildReport") -> dict[str, object]:
    return {
        "profile": report.ref.profile,
        "host": report.ref.host,
        "runs": report.runs,
        "points": report.points,
        "acts": report.acts,
        "damage": [finding.text for finding in report.damage],
        "notes": list(report.notes),
    }


def _view(done: Sequence["RebuildReport"]) -> "RenderableType":
    for report in done:
        for text in (*(f"{finding.text}." for finding in report.damage), *report.notes):
            say(f"{report.ref.profile} on {report.ref.host}: {text}")
    rows = [(one.ref.profile, one.ref.host, one.runs, one.points, one.acts) for one in done]
    return table(("PROFILE", "HOST", "RUNS>", "POINTS>", "ACTS>"), rows, empty="Nothing was rebuilt.")
