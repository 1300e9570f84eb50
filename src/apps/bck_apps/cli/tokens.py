"""Verbs about device tokens: make one for a PC, list them, revoke one."""

from typing import Annotated

import typer

from bck_apps.cli.screen import Json, fields, show, table
from bck_apps.cli.session import opened, who
from bck_apps.cli.units import time_json, time_text
from bckcore.domain.device_token import SCOPES, DeviceToken
from bckcore.domain.ids import HostId, TokenId

app = typer.Typer(
    help="Tokens of devices: each may start and watch the backups of one PC.", no_args_is_help=True
)


@app.command("add")
def add(
    host: Annotated[str, typer.Argument(metavar="HOST", help="The PC.")],
    name: Annotated[str, typer.Option(help="Which device has it, for people.")] = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="start or watch; may be repeated; without it, both.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it counts.")] = 365,
    as_json: Json = False,
) -> None:
    """Make a token for one PC. It is shown this once: only its digest is kept."""
    with opened() as application:
        made = application.device_tokens.add(
            HostId(host), name or host, created_by=who(), scopes=tuple(scope or SCOPES), days=days
        )
    document = {**_document(made.token), "token": made.secret.reveal()}
    show(
        as_json,
        document,
        lambda: fields(
            (
                ("token", made.secret.reveal()),
                ("id", made.token.id),
                ("may", f"{' and '.join(made.token.scopes)} backups of {host}"),
                ("until", time_text(made.token.expires)),
                ("", "It is shown this once. Revoke it: bck token revoke " + made.token.id),
            )
        ),
    )


@app.command("list")
def listed(as_json: Json = False) -> None:
    """List tokens by PC, revoked and expired ones too."""
    with opened() as application:
        found, now = application.device_tokens.list(), application.clock.now()
    heads = ("TOKEN", "HOST", "NAME", "MAY", "EXPIRES", "STATE")
    rows = [
        (
            one.id,
            one.host,
            one.name,
            " ".join(one.scopes),
            time_text(one.expires),
            _state(one, one.alive(now)),
        )
        for one in found
    ]
    document = {"items": [_document(one) for one in found]}
    show(as_json, document, lambda: table(heads, rows, empty="There are no device tokens."))


@app.command("revoke")
def revoke(
    token: Annotated[
        str, typer.Argument(metavar="TOKEN", help="Id of the token, as 'bck token list' has it.")
    ],
    as_json: Json = False,
) -> None:
    """Revoke a token: from now on it counts no more."""
    with opened() as application:
        revoked = application.device_tokens.revoke(TokenId(token))
    show(as_json, _document(revoked), lambda: fields((("revoked", revoked.id), ("host", revoked.host))))


def _state(token: DeviceToken, alive: bool) -> str:
    return "valid" if alive else "revoked" if token.revoked else "expired"


def _document(token: DeviceToken) -> dict[str, object]:
    return {
        "token_id": token.id,
        "name": token.name,
        "host": token.host,
        "scopes": list(token.scopes),
        "created": time_json(token.created),
        "created_by": token.created_by,
        "expires": time_json(token.expires),
        "revoked": time_json(token.revoked),
    }
