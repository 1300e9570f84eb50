"""Verbs about the installation: init, plugins, config show."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.database import PasswordFile
from bck_apps.cli.given import require_path
from bck_apps.cli.screen import Json, fields, show, table
from bck_apps.cli.session import console, opened
from bckcore.domain.secret import Secret
from bckcore.domain.wording import counted
from bckcore.errors import InvalidInputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bck_apps.wiring import Application, PluginReport

LONGEST_LINE = 4096
HIDDEN = "***"
_SECRET_WORDS = ("password", "secret", "token", "private_key")
_HARMLESS = frozenset({"token_minutes", "password_file", "password_ref"})

config_app = typer.Typer(help="Settings of this installation.", no_args_is_help=True)


def init(
    storage: Annotated[str, typer.Option(metavar="DIR", help="Root of the backup storage.")],
    admin: Annotated[str, typer.Option(metavar="NAME", help="Account of the first administrator.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from one line of standard input.")
    ] = False,
    name: Annotated[
        list[str] | None, typer.Option(help="Further name or address of this server; may be repeated.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(metavar="URL", help="postgresql://USER@HOST/NAME instead of a SQLite file in BCK_HOME."),
    ] = None,
    database_password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Make an installation in BCK_HOME: settings, database, certificates, first administrator."""
    from bck_apps.wiring import database_place, home_folder, initialise

    home = home_folder()
    root = Path(require_path(storage, "--storage")).absolute()
    password = given_password(from_stdin=password_stdin)
    with initialise(
        home,
        storage=root,
        admin=admin,
        password=password,
        names=tuple(name or ()),
        database=database_place(database, database_password_file) if database else None,
        by=console(),
    ) as made:
        document = _made_document(made)
    show(as_json, document, lambda: _made_view(document))


def given_password(*, from_stdin: bool) -> Secret[str]:
    """The password that standard input or the person at the terminal gives. Raises InvalidInputError."""
    if not from_stdin:
        if not sys.stdin.isatty():
            raise InvalidInputError(
                "No password was given.", advice="Give --password-stdin and one line on standard input."
            )
        return Secret(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    line = sys.stdin.buffer.readline(LONGEST_LINE)
    try:
        return Secret(line.decode("utf-8").rstrip("\r\n"))
    except UnicodeDecodeError:
        raise InvalidInputError("The password is not UTF-8 text.") from None


def _made_document(made: "Application") -> dict[str, object]:
    return {
        "home": str(made.home),
        "storage": str(made.settings.storage.root),
        "database": made.database_state().address,
        "ca_certificate": str(made.tls.ca_certificate),
        "ca_fingerprint": made.tls.fingerprint,
        "histories": len(made.rebuilds.found()),
    }


def _made_view(document: Mapping[str, object]) -> "RenderableType":
    found = document["histories"]
    holds = counted(found, "history", "histories") if isinstance(found, int) and found else ""
    return fields(
        (
            ("home", document["home"]),
            ("storage", document["storage"]),
            ("database", document["database"]),
            ("CA", document["ca_certificate"]),
            ("its SHA-256", document["ca_fingerprint"]),
            (
                "holds already",
                f"{holds} of earlier backups, which this database does not know" if holds else "",
            ),
            (
                "next",
                "bck catalog rebuild brings them back; then bck serve"
                if holds
                else "bck serve; bck host add …; bck profile add …; bck backup …",
            ),
        )
    )


def plugins(as_json: Json = False) -> None:
    """List the plugins that are loaded, and those that were refused and why."""
    with opened() as application:
        report = application.plugins
    document = {
        "loaded": [
            {
                "name": one.name,
                "distribution": one.distribution,
                "version": one.version,
                "hooks": list(one.hooks),
            }
            for one in report.loaded
        ],
        "refused": [{"name": one.name, "reason": one.reason} for one in report.refused],
    }
    show(as_json, document, lambda: _plugins_table(report))


def _plugins_table(report: "PluginReport") -> "RenderableType":
    rows: list[tuple[object, ...]] = [
        (one.name, "ok", f"{one.distribution} {one.version}".strip(), ", ".join(one.hooks))
        for one in report.loaded
    ]
    rows += [(one.name, "refused", one.reason, "") for one in report.refused]
    return table(("PLUGIN", "STATE", "FROM", "HOOKS"), rows, empty="No plugin was found.")


@config_app.command("show")
def config_show(as_json: Json = False) -> None:
    """Show every setting with its value; secrets are masked."""
    with opened() as application:
        settings = json.loads(application.settings.model_dump_json())
        texts = dict(_descriptions(type(application.settings)))
    shown = masked(settings)
    rows = [(name, value, texts.get(name, "")) for name, value in _flat(shown)]
    show(as_json, shown, lambda: table(("SETTING", "VALUE", "MEANING"), rows, empty=""))


def masked(settings: Mapping[str, object]) -> dict[str, object]:
    """The same settings without secrets: values by name, and passwords in addresses."""
    shown: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            shown[name] = masked(value)
        elif name not in _HARMLESS and any(word in name.lower() for word in _SECRET_WORDS):
            shown[name] = HIDDEN
        else:
            shown[name] = _without_password(value) if isinstance(value, str) else value
    return shown


def _without_password(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    account, at, place = rest.rpartition("@")
    user, colon, _ = account.partition(":")
    return f"{scheme}://{user}:{HIDDEN}@{place}" if separator and at and colon else text


def _flat(settings: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, ", ".join(map(str, value)) if isinstance(value, list) else value


def _descriptions(model: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in getattr(model, "model_fields", {}).items():
        yield prefix + name, field.description or ""
        yield from _descriptions(field.annotation, f"{prefix}{name}.")
