"""Verbs about the database: where it is, how it is, and moving it to PostgreSQL."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.screen import Json, fields, say, show, table
from bck_apps.cli.session import opened
from bck_apps.cli.units import size_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bck_apps.wiring import Application, Moved
    from bckcore.plugins.registry import DatabaseState

EVERY = 100_000
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--database-password-file",
        metavar="FILE",
        help="Take the password of the database user from the first line of FILE; it is kept in the vault.",
    ),
]

app = typer.Typer(help="The database of hosts, jobs and points.", no_args_is_help=True)


@app.command("status")
def db_status(as_json: Json = False) -> None:
    """Tell where the database is, which program keeps it, its size, and what endangers it."""
    with opened() as application:
        state = application.database_state()
    document = state_document(state)
    show(as_json, document, lambda: _state_view(state))


def state_document(state: "DatabaseState") -> dict[str, object]:
    """A state as JSON."""
    return {
        "kind": state.kind,
        "address": state.address,
        "version": state.version,
        "schema_step": state.step,
        "newest_step": state.newest_step,
        "size_bytes": state.size_bytes,
        "warnings": list(state.warnings),
    }


def _state_view(state: "DatabaseState") -> "RenderableType":
    for text in state.warnings:
        say(f"Warning: {text}")
    return fields(
        (
            ("database", state.address),
            ("kept by", f"{state.kind} {state.version}"),
            ("schema", f"{state.step} (newest {state.newest_step})"),
            ("size", size_text(state.size_bytes)),
        )
    )


@app.command("upgrade")
def db_upgrade(as_json: Json = False) -> None:
    """Bring the database of an older version of this program up to date, and tell from which step to which.

    Whatever opens the database does that by itself; this verb does nothing else. It is done whole or not at
    all.
    """
    from bck_apps.wiring import upgrade_installation

    with opened() as application:
        before, after = upgrade_installation(application)
    document = {"from": before, "to": after, "changed": before != after}
    words = f"It was at step {before or 'none'} and is at {after}."
    show(
        as_json, document, lambda: fields((("schema", words if before != after else f"at {after} already"),))
    )


@app.command("migrate-to")
def db_migrate_to(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="As postgresql://USER@HOST/NAME; an empty database.")
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look whether it would work, and count; change nothing.")
    ] = False,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Move the installation to another database: copy all, compare, then change the settings.

    A 'bck serve' that runs stands still meanwhile: its jobs wait and go on afterwards, its API answers
    "again in a moment". Cut off at any time, nothing is lost: say it again. The SQLite file stays beside,
    under a new name. The way back is the same: bck db migrate-to sqlite:////full/path/to/file.
    """
    from bck_apps.wiring import database_place, move_installation

    target = database_place(url, password_file)
    with opened() as application, nullcontext() if dry_run else _nobody_serves(application):
        moved = move_installation(application, target, told=_telling(), dry_run=dry_run)
    document = _moved_document(moved)
    show(as_json, document, lambda: _moved_view(moved, document))


@contextmanager
def _nobody_serves(application: "Application") -> "Iterator[None]":
    """Within it whoever serves the installation stands still."""
    from bck_apps.runner.presence import (
        STILL_SECONDS,
        ServeLock,
        StandStill,
        require_served_as_set,
        serve_is_up,
    )

    home, clock = application.home, application.clock
    require_served_as_set(home)
    if serve_is_up(home):
        say("Waiting until the running server has put its jobs back; it goes on by itself afterwards.")
    with (
        StandStill(home, clock=clock),
        ServeLock(home, clock=clock, note="moving the database", seconds=STILL_SECONDS),
    ):
        yield


def _telling() -> Callable[[str, int, int], None]:
    told = 0

    def tell(name: str, rows: int, total: int) -> None:
        nonlocal told
        told = 0 if rows < told else told
        if rows - told >= EVERY or rows == total:
            told = rows
            say(f"{name}: {rows} of {total} rows")

    return tell


def _moved_document(moved: "Moved") -> dict[str, object]:
    return {
        "from": moved.old,
        "to": moved.new,
        "dry_run": moved.dry_run,
        "tables": [{"name": one.name, "rows": one.rows, "sha256": one.digest} for one in moved.tables],
        "put_aside": None if moved.put_aside is None else str(moved.put_aside),
    }


def _moved_view(moved: "Moved", document: Mapping[str, object]) -> "RenderableType":
    if moved.dry_run:
        say(f"It would work: from {moved.old} to {moved.new}. Nothing was changed.")
    else:
        say(f"The database is now {moved.new}; every table is the same as in {moved.old}.")
    if moved.put_aside is not None:
        say(f"The old file is kept as {document['put_aside']}; delete it when you are sure.")
    rows = [(one.name, one.rows, one.digest[:16]) for one in moved.tables]
    return table(("TABLE", "ROWS>", "SHA-256"), rows, empty="")
