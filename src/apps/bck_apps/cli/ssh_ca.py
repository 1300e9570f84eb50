"""Verbs about the server's SSH authority: look at it, renew it."""

from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.screen import Json, fields, say, show
from bck_apps.cli.session import opened
from bckcore.domain.login import Login
from bckcore.domain.ssh_trust import fingerprint
from bckcore.errors import InvalidInputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bck_apps.wiring import Application
    from bckcore.services.ssh_authority import AuthorityKeys

app = typer.Typer(help="The authority that certifies the server's logins on PCs.", no_args_is_help=True)


@app.command("show")
def ca_show(as_json: Json = False) -> None:
    """Print the public key and what each PC must hold. Makes the authority where there is none yet."""
    with opened() as application:
        keys = application.container.ssh_authority().public()
        lines = _lines(application)
    _show(keys, lines, as_json=as_json)


@app.command("renew")
def ca_renew(
    finish: Annotated[
        bool, typer.Option("--finish", help="Every PC holds the new line: sign by it, drop the old key.")
    ] = False,
    now: Annotated[
        bool, typer.Option("--now", help="The key may be known to others: sign by a new one at once.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make another key. It signs after --finish, so that every PC can be told before; until then both stand
    in 'bck ssh-ca show' and 'bck host key'."""
    if finish and now:
        raise InvalidInputError("Give --finish or --now, not both.")
    with opened() as application:
        authority = application.container.ssh_authority()
        keys = authority.finish() if finish else authority.renew(at_once=now)
        lines = _lines(application)
    if keys.coming:
        say("Put the new lines beside the old ones on every PC, then: bck ssh-ca renew --finish")
    elif now:
        say("No PC lets the server in by certificate before it holds its new line.")
    _show(keys, lines, as_json=as_json)


def _lines(application: "Application") -> dict[str, list[str]]:
    """For each host that is entered by certificate, what it must hold."""
    logins = application.container.logins()
    hosts = [host for host in application.hosts.list() if host.login is Login.CERTIFICATE]
    return {host.id: list(logins.trust(host.id).lines) for host in hosts}


def _show(keys: "AuthorityKeys", lines: dict[str, list[str]], *, as_json: bool) -> None:
    document = {
        "signing": keys.signing,
        "coming": keys.coming,
        "fingerprints": [fingerprint(key) for key in keys.trusted],
        "hosts": lines,
    }
    show(as_json, document, lambda: _view(keys, lines))


def _view(keys: "AuthorityKeys", lines: dict[str, list[str]]) -> "RenderableType":
    return fields(
        (
            ("signs", keys.signing),
            ("its fingerprint", fingerprint(keys.signing)),
            ("will sign", keys.coming),
            ("fingerprint of that", fingerprint(keys.coming) if keys.coming else ""),
            ("in sshd_config", "TrustedUserCAKeys FILE  (with the keys above, one a line)"),
            *((f"or on {host}", "\n".join(texts)) for host, texts in lines.items()),
        )
    )
