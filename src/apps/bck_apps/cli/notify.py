"""Verbs about messages to people: what waits, a test, and the secrets they need."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.admin import given_password
from bck_apps.cli.documents import error_document
from bck_apps.cli.screen import Json, error_text, fields, say, show, table
from bck_apps.cli.session import opened
from bck_apps.cli.status import FAILED
from bck_apps.cli.units import time_json, time_text
from bckcore.domain.ids import SecretRef
from bckcore.errors import DeliveryFailedError, InvalidInputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from bck_apps.wiring import Application
    from bckcore.services.notices import ChannelReport

app = typer.Typer(help="Messages to people: mail and webhook.", no_args_is_help=True)


class SecretName(StrEnum):
    """Secrets that messages need."""

    MAIL_PASSWORD = "mail-password"  # noqa: S105  # the name of one, not one
    WEBHOOK_URL = "webhook-url"
    WEBHOOK_KEY = "webhook-key"


@app.command("test")
def notify_test(
    channel: Annotated[
        str, typer.Option(metavar="NAME", help="Only this one: mail, webhook, or a plugin's.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Send a test message now by every channel in use. Exit status 1 if one was not taken."""
    with opened() as application:
        names = [channel] if channel else list(application.notices.channels)
        if not names:
            raise NotFoundError(
                "No channel is in use.",
                meaning="Nobody is told anything.",
                advice="Fill in the section [mail] or [webhook] of settings.toml; see 'bck config show'.",
            )
        errors = {name: _tried(application, name) for name in names}
    items = [
        {"channel": name, "delivered": error is None, **(error_document(error) if error else {"error": None})}
        for name, error in errors.items()
    ]
    show(as_json, {"items": items}, lambda: _tested_view(errors))
    if any(errors.values()):
        raise typer.Exit(FAILED)


def _tried(application: "Application", channel: str) -> DeliveryFailedError | None:
    try:
        application.notices.test(channel)
    except DeliveryFailedError as error:
        return error
    return None


def _tested_view(errors: dict[str, DeliveryFailedError | None]) -> "RenderableType":
    for error in errors.values():
        if error is not None:
            say(error_text(error))
    rows = [(name, "failed" if error else "ok") for name, error in errors.items()]
    return table(("CHANNEL", "RESULT"), rows, empty="")


@app.command("list")
def notify_list(as_json: Json = False) -> None:
    """List what waits to be told, and how deliveries went."""
    with opened() as application:
        reports = application.notices.report()
    show(as_json, {"items": [report_document(one) for one in reports]}, lambda: _list_view(reports))


def report_document(report: "ChannelReport") -> dict[str, object]:
    """A channel and what waits for it, as JSON."""
    state = report.state
    return {
        "channel": report.channel,
        "delivered": time_json(state.delivered),
        "failures": state.failures,
        "error": state.error,
        "failed": time_json(state.failed),
        "next_try": time_json(state.next_try),
        "given_up": state.given_up,
        "waiting": [
            {
                "kind": one.notice.kind.value,
                "profile": one.notice.profile,
                "host": one.notice.host,
                "count": one.count,
                "first_at": time_json(one.first_at),
                "at": time_json(one.notice.at),
                "error": one.notice.error,
            }
            for one in report.waiting
        ],
    }


def _list_view(reports: "Sequence[ChannelReport]") -> "RenderableType":
    for one in reports:
        say(state_text(one))
    rows = [
        (
            report.channel,
            one.notice.kind.value,
            one.notice.profile,
            one.notice.host,
            one.count,
            time_text(one.first_at),
        )
        for report in reports
        for one in report.waiting
    ]
    heads = ("CHANNEL", "WHAT", "PROFILE", "HOST", "TIMES>", "SINCE")
    return table(heads, rows, empty="Nothing waits." if reports else "No channel is in use.")


def state_text(report: "ChannelReport") -> str:
    """How a channel's deliveries went, in one sentence."""
    state = report.state
    lost = f" {state.given_up} were given up." if state.given_up else ""
    if state.failures:
        tries = (
            f"{report.channel}: failed {state.failures} times, last {time_text(state.failed)}. {state.error}"
        )
        return f"{tries} Next try {time_text(state.next_try)}.{lost}"
    last = f"last delivery {time_text(state.delivered)}" if state.delivered else "nothing was delivered yet"
    return f"{report.channel}: {last}.{lost}"


@app.command("secret")
def notify_secret(
    name: Annotated[SecretName, typer.Argument(metavar="NAME", help=", ".join(SecretName))],
    as_json: Json = False,
) -> None:
    """Keep a secret for messages in the vault: one line from standard input, or asked for at a terminal."""
    with opened() as application:
        settings = application.settings
        refs = {
            SecretName.MAIL_PASSWORD: settings.mail.password_ref,
            SecretName.WEBHOOK_URL: settings.webhook.url_ref,
            SecretName.WEBHOOK_KEY: settings.webhook.key_ref,
        }
        secret = given_password(from_stdin=not sys.stdin.isatty())
        if not secret.reveal():
            raise InvalidInputError("The secret is empty.", advice="Give one line on standard input.")
        application.keep_secret(SecretRef(refs[name]), secret)
    show(as_json, {"ref": refs[name]}, lambda: fields((("kept as", refs[name]), ("try", "bck notify test"))))
