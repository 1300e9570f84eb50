"""`bck`: the verbs, and how every error becomes text, JSON and an exit status."""

import os
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, NoReturn, cast

import typer
from typer.core import TyperGroup

from bck_apps.cli import (
    admin,
    audit,
    browse,
    catalog,
    cert,
    check,
    compare,
    database,
    doctor,
    enrolment,
    export,
    filters,
    history,
    host_login,
    host_quota,
    hosts,
    jobs,
    notify,
    points,
    profiles,
    queue,
    restore,
    retention,
    runs,
    schedule,
    serve,
    ssh_ca,
    status,
    tokens,
    users,
)
from bck_apps.cli.screen import safe_streams, say, show_error
from bck_apps.cli.shield import shield
from bckcore.errors import BckError, DatabaseDamagedError

EPILOG = "\n\n".join(
    ["[bold]Exit status[/bold]", *(f"{code}  {text}" for code, text in status.MEANINGS.items())]
)

app = typer.Typer(
    name="bck",
    help="Backup Orchestrator: pulls files from PCs and never loses what it held. BCK_HOME names the "
    "installation. Every verb takes --json: one JSON document on standard output, "
    '{"error": {code, what, meaning, advice}} when it fails.',
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


_CTRL_C = 130
"""What typer makes of Ctrl-C."""


class _UsageError(BckError):
    """What the parser of the command line has to say."""

    code = "usage"


class _InterruptedError(BckError):
    """A person pressed Ctrl-C."""

    code = "interrupted"


class _InternalError(BckError):
    """The program itself is at fault."""

    code = "internal"


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"bck {version('bckwinrsync')}")
        except PackageNotFoundError:
            print("bck (not installed, run from its sources)")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the verb."""


SETUP, WORK, LOOK = "Set up", "Work", "Look"
app.command("init", rich_help_panel=SETUP)(admin.init)
app.command("serve", rich_help_panel=SETUP)(serve.serve)
app.add_typer(hosts.app, name="host", rich_help_panel=SETUP)
app.add_typer(profiles.app, name="profile", rich_help_panel=SETUP)
app.add_typer(users.app, name="user", rich_help_panel=SETUP)
app.add_typer(tokens.app, name="token", rich_help_panel=SETUP)
app.command("backup", rich_help_panel=WORK)(jobs.backup)
app.command("restore", rich_help_panel=WORK)(restore.restore)
app.command("export", rich_help_panel=WORK)(export.export)
app.command("prune", rich_help_panel=WORK)(retention.prune)
app.command("check", rich_help_panel=WORK)(check.check)
app.command("hold", rich_help_panel=WORK)(retention.hold)
app.command("release", rich_help_panel=WORK)(retention.release)
app.command("undo", rich_help_panel=WORK)(history.undo)
app.command("forget", rich_help_panel=WORK)(history.forget)
history.run_app.command("show")(runs.run_show)
history.run_app.command("problems")(runs.run_problems)
app.add_typer(history.run_app, name="run", rich_help_panel=WORK)
app.command("cancel", rich_help_panel=WORK)(jobs.cancel)
app.command("status", rich_help_panel=LOOK)(jobs.status)
app.command("log", rich_help_panel=LOOK)(jobs.log)
app.command("jobs", rich_help_panel=LOOK)(jobs.jobs)
app.command("filters", rich_help_panel=LOOK)(filters.filters)
app.command("points", rich_help_panel=LOOK)(points.points)
app.command("snapshots", hidden=True)(points.points)
hosts.app.command("key")(host_login.key)
hosts.app.command("enrol")(enrolment.enrol)
hosts.app.command("usage")(host_quota.usage)
hosts.app.command("presence")(schedule.presence)
app.command("schedule", rich_help_panel=LOOK)(schedule.schedule)
app.command("health", rich_help_panel=LOOK)(schedule.health)
app.command("holds", rich_help_panel=LOOK)(retention.holds)
app.command("ls", rich_help_panel=LOOK)(browse.ls)
app.command("versions", rich_help_panel=LOOK)(browse.versions)
app.command("find", rich_help_panel=LOOK)(browse.find)
app.command("diff", rich_help_panel=LOOK)(compare.diff)
app.command("deleted", rich_help_panel=LOOK)(compare.deleted)
app.add_typer(catalog.app, name="catalog", rich_help_panel=SETUP)
app.add_typer(database.app, name="db", rich_help_panel=SETUP)
app.add_typer(queue.app, name="queue", rich_help_panel=SETUP)
app.add_typer(cert.app, name="cert", rich_help_panel=SETUP)
app.add_typer(ssh_ca.app, name="ssh-ca", rich_help_panel=SETUP)
app.add_typer(notify.app, name="notify", rich_help_panel=SETUP)
app.command("doctor", rich_help_panel=LOOK)(doctor.doctor)
app.add_typer(audit.app, name="audit", rich_help_panel=LOOK)
app.command("plugins", rich_help_panel=LOOK)(admin.plugins)
app.add_typer(admin.config_app, name="config", rich_help_panel=LOOK)


@cache
def command() -> TyperGroup:
    """The whole command line, made once.

    Its help gives no type for a flag: ``<bool>`` looks like a value to give.
    """
    whole = cast("TyperGroup", typer.main.get_command(app))
    _without_types_of_flags(whole, typer.Context(whole, **whole.context_settings))
    return whole


def _without_types_of_flags(one: Any, context: typer.Context) -> None:
    for param in one.get_params(context):
        if getattr(param, "is_flag", False):
            param.metavar = ""
    for name, below in getattr(one, "commands", {}).items():
        _without_types_of_flags(below, typer.Context(below, parent=context, info_name=name))


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line and return its exit status. Never raises."""
    as_json = "--json" in arguments
    try:
        result = command()(args=list(arguments), prog_name="bck", standalone_mode=False)
    except typer.TyperException as error:
        return _failed(_usage(error), error.exit_code, as_json=as_json)
    except BckError as error:
        return _failed(error, status.status_of_error(error), as_json=as_json)
    except UnicodeEncodeError:
        return _failed(_not_text(), status.WRONG_USE, as_json=as_json)
    except BrokenPipeError:
        _discard_output()
        return status.FAILED
    except (KeyboardInterrupt, typer.Abort):
        return _failed(_interrupted(), status.FAILED, as_json=as_json)
    except Exception as error:  # noqa: BLE001  # whatever it is, people get words and scripts a status
        return _failed(_damage() or _internal(error), status.FAILED, as_json=as_json)
    if result == _CTRL_C:
        return _failed(_interrupted(), status.FAILED, as_json=as_json)
    return result if isinstance(result, int) else status.SUCCEEDED


def _failed(error: BckError, code: int, *, as_json: bool) -> int:
    if error.what:
        show_error(error, as_json=as_json)
    return code


def _interrupted() -> BckError:
    return _InterruptedError(
        "Interrupted.",
        meaning="It was left before the end. What is half done has no name yet.",
        advice="Say it again when you like; 'bck jobs' shows whether a job goes on.",
    )


def _usage(error: typer.TyperException) -> BckError:
    context: typer.Context | None = getattr(error, "ctx", None)
    verb = context.command_path if context else "bck"
    return _UsageError(error.format_message(), advice=f"See: {verb} --help")


def _not_text() -> BckError:
    """Names are stored as UTF-8; the shell handed over other bytes."""
    return _UsageError(
        "An argument holds bytes that are no UTF-8 text.",
        meaning="Nothing has such a name. Only paths, patterns and --to may be any bytes.",
    )


def _internal(error: Exception) -> BckError:
    say(traceback.format_exc().rstrip())
    return _InternalError(
        f"An internal error stopped the command: {type(error).__name__}: {error}",
        meaning="The program is at fault, not you. What was stored before stays as it is.",
        advice="Report it with the lines above.",
    )


def _damage() -> BckError | None:
    """What led to an internal error, if it is a harmed database: its values can be nonsense of any kind."""
    from bck_apps.wiring import home_folder, needed_rescue

    try:
        rescue = needed_rescue(home_folder())
    except BckError:
        return None
    return DatabaseDamagedError(f"The database is damaged: {rescue.damage}.") if rescue else None


def _discard_output() -> None:
    """Nobody reads standard output any more; keep the interpreter from complaining at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> NoReturn:
    """The program `bck`."""
    shield()
    safe_streams()
    sys.exit(run(sys.argv[1:]))
