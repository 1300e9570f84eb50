"""`bck host enrol`: make the token by which a PC becomes known, or revoke it."""

from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.host_options import NewAllow, NewPlatform, TakeOver
from bck_apps.cli.screen import Json, fields, say, show
from bck_apps.cli.session import opened, who
from bck_apps.cli.units import time_json, time_text
from bckcore.domain.enrolment import USUAL_MINUTES
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.login import Login
from bckcore.errors import InvalidInputError
from bckcore.services.hosts import HostChange

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import RenderableType

    from bck_apps.wiring import Application
    from bckcore.services.enrolments import OpenedEnrolment

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def enrol(  # noqa: PLR0917  # typer wants one parameter per option
    host: Annotated[str, typer.Argument(metavar="NAME", help="A host, or a short name for a new one.")],
    address: Annotated[
        str | None, typer.Option(help="DNS name or IP address; else where the PC comes from.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="SSH port.")] = None,
    user: Annotated[str | None, typer.Option(help="The backup account on the PC.")] = None,
    login: Annotated[
        Login | None, typer.Option(help="How the server is let in; of a new host own-key.")
    ] = None,
    allow: NewAllow = None,
    platform: NewPlatform = None,
    minutes: Annotated[int, typer.Option(help="How long the token counts; 1440 at most.")] = USUAL_MINUTES,
    replace_host_key: Annotated[
        bool, typer.Option("--replace-host-key", help="Take another host key than the pinned one.")
    ] = False,
    take_over_history: TakeOver = False,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Make none; the one that was made counts no more.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a token by which a PC hands over its host keys, once. It is shown this once.

    On the PC: bck-gate enrol. A host that is not there is made, and waits for its PC.
    """
    change = HostChange(
        address=address,
        port=port,
        user=user,
        login=login,
        platform=platform,
        allowed_roots=tuple(allow) if allow else None,
    )
    if revoke:
        if change != HostChange() or replace_host_key or take_over_history:
            raise InvalidInputError("Give --revoke alone: it makes no token.")
        _revoke(HostId(host), as_json=as_json)
        return
    with opened() as application:
        made = application.container.enrolments().open(
            HostId(host),
            change,
            ca_sha256=application.certificates.files().fingerprint,
            created_by=who(),
            minutes=minutes,
            replace_host_key=replace_host_key,
            take_over_history=take_over_history,
        )
        command = f"bck-gate enrol --write --server {server_url(application)}"
        listens = application.settings.api.host
    _warn(made.host, login, listens)
    show(as_json, _document(made, command), lambda: _view(made, command))


def _warn(host: Host, login: Login | None, listens: str) -> None:
    if listens in _THIS_MACHINE:
        say(f"warning: The API listens on {listens}, where no PC reaches it: set api.host, say to 0.0.0.0")
    if login and not host.awaits_enrolment:
        say(f"warning: From now on {host.id} is entered by {login}: no job gets in before it is enrolled so.")
    if not host.allowed_roots:
        say(f"warning: Nothing of {host.id} may be read yet: bck host set {host.id} --allow PATH")


def _revoke(host: HostId, *, as_json: bool) -> None:
    with opened() as application:
        count = application.container.enrolments().revoke(host)
    show(as_json, {"revoked": count}, lambda: fields((("revoked", count),)))


def server_url(application: "Application") -> str:
    """Where PCs reach this server, as far as it knows: by a name of its certificate, at the usual port."""
    api = application.settings.api
    named = api.names or tuple(
        name for name in application.certificates.facts().names if name not in _THIS_MACHINE
    )
    name = named[0] if named else "localhost"
    return f"https://{f'[{name}]' if ':' in name else name}:{api.port}"


def open_until(application: "Application") -> "dict[HostId, datetime]":
    """Until when enrolments are open, by host."""
    return {token.host: token.expires for token in application.container.enrolments().open_now()}


def state_text(host: Host, until: "datetime | None") -> str:
    """Whether the PC is known, and whether it may be enrolled now."""
    state = "waits for its PC" if host.awaits_enrolment else "enrolled"
    return f"{state}; enrolment open until {time_text(until)}" if until else state


def _document(made: "OpenedEnrolment", command: str) -> dict[str, object]:
    return {
        "host": made.host.id,
        "enrolment": made.token.id,
        "expires": time_json(made.token.expires),
        "replace_host_key": made.token.replace_host_key,
        "token": made.text.reveal(),
        "command": command,
    }


def _view(made: "OpenedEnrolment", command: str) -> "RenderableType":
    return fields(
        (
            ("host", made.host.id),
            ("token", made.text.reveal()),
            ("until", time_text(made.token.expires)),
            ("on the PC", f"{command}, which asks for the token"),
            ("", f"It is shown this once. Revoke it: bck host enrol {made.host.id} --revoke"),
        )
    )
