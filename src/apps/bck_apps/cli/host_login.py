"""How a host is entered: options of `bck host add` and `set`, and the verb that tells what a PC must hold."""

from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.admin import given_password
from bck_apps.cli.screen import Json, fields, say, show
from bck_apps.cli.session import opened
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.login import Login, checked_account_password
from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bckcore.services.host_login import HostTrust

LoginOption = Annotated[
    Login | None,
    typer.Option("--login", help="How the server is let in; --key alone means key. See 'bck host key'."),
]
GateOption = Annotated[
    str | None,
    typer.Option("--gate", metavar="COMMAND", help="Command of the gate on the PC; '' for none."),
]
PasswordStdin = Annotated[
    bool,
    typer.Option(
        "--password-stdin", help="Keep the account's password, read from one line of standard input."
    ),
]
ForgetPassword = Annotated[
    bool, typer.Option("--forget-password", help="Keep no password: each start brings it.")
]


def password_of(*, from_stdin: bool, forget: bool = False) -> Secret[str] | None:
    """The password to be kept, an empty one to forget it, or None. Raises InvalidInputError."""
    if from_stdin and forget:
        raise InvalidInputError("Give --password-stdin or --forget-password, not both.")
    if forget:
        return Secret("")
    return checked_account_password(given_password(from_stdin=True)) if from_stdin else None


def login_text(host: Host) -> str:
    """How the host is entered, for people."""
    match host.login:
        case Login.KEY:
            return "a private key that was given, kept in the vault" if host.key else "none"
        case Login.OWN_KEY:
            return f"a key made here, kept in the vault: bck host key {host.id}"
        case Login.CERTIFICATE:
            return f"a certificate for minutes, signed here: bck host key {host.id}"
    return "a password, kept in the vault" if host.key else "a password that comes with each start"


def tell_next_step(host: Host) -> None:
    """What is still to be done at the PC."""
    if host.login in (Login.OWN_KEY, Login.CERTIFICATE):
        say(f"The PC lets the server in once it holds what this prints: bck host key {host.id}")


def probe_command(host: Host) -> str:
    """How to look whether a host can be worked with."""
    asks = host.login is Login.PASSWORD and not host.key
    return f"bck host probe {host.id}{' --password-stdin' if asks else ''}"


def key(
    host: Annotated[str, typer.Argument(metavar="HOST", help="Name of the host.")],
    new: Annotated[
        bool, typer.Option("--new", help="Make another key first; the PC must then hold the new line.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print what the PC's authorized_keys must hold so that the server is let in. Nothing of it is secret."""
    with opened() as application:
        logins = application.container.logins()
        trust = logins.renew_key(HostId(host)) if new else logins.trust(HostId(host))
    if not trust.lines and not as_json:
        say(f"{host} is entered with {login_text(trust.host)}: there is nothing to put there.")
    show(as_json, trust_document(trust), lambda: _view(trust))
    if trust.lines and not trust.host.gate:
        say(f"warning: No gate is known there, so any command may be started: bck host set {host} --gate …")


def trust_document(trust: "HostTrust") -> dict[str, object]:
    """What a host must hold."""
    return {
        "name": trust.host.id,
        "login": trust.host.login.value,
        "user": trust.host.user,
        "authorized_keys": list(trust.lines),
        "keys": list(trust.keys),
        "fingerprints": list(trust.fingerprints),
        "principal": trust.principal,
        "gate": trust.host.gate,
        "allow": list(trust.host.allowed_roots),
    }


def _view(trust: "HostTrust") -> "RenderableType":
    return fields(
        (
            ("host", trust.host.id),
            ("account there", trust.host.user),
            ("public key", "\n".join(trust.keys)),
            ("fingerprint", "\n".join(trust.fingerprints)),
            ("authorized_keys", "\n".join(trust.lines)),
        )
    )
