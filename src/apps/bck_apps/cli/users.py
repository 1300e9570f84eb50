"""Verbs about accounts of people and their sessions."""

import sys
from typing import Annotated

import typer

from bck_apps.cli.admin import given_password
from bck_apps.cli.screen import Json, fields, show, table
from bck_apps.cli.session import opened, who
from bck_apps.cli.units import time_text
from bckcore.domain.access import Role, User
from bckcore.domain.ids import SessionId
from bckcore.domain.secret import Secret
from bckcore.domain.session import Session
from bckcore.errors import InvalidInputError

app = typer.Typer(help="Accounts of people, and who is signed in.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the account.")]
RoleOption = Annotated[Role, typer.Option(help="What the account may do.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from one line of standard input.")
]


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name to sign in with.")],
    role: RoleOption,
    password_stdin: PasswordStdin = False,
    as_json: Json = False,
) -> None:
    """Make an account. Who may read BCK_HOME may do so, and needs none: so comes the first after a loss."""
    with opened() as application:
        user = application.access.add_user(name, given_password(from_stdin=password_stdin), role)
    _show_user(user, as_json=as_json)


@app.command("set")
def set_user(name: NameArgument, role: RoleOption, as_json: Json = False) -> None:
    """Give an account another role. It counts from the next request on."""
    with opened() as application:
        user = application.access.set_role(name, role)
    _show_user(user, as_json=as_json)


@app.command("password")
def password(name: NameArgument, password_stdin: PasswordStdin = False, as_json: Json = False) -> None:
    """Give an account another password. All its sessions end."""
    with opened() as application:
        ended = application.access.set_password(name, given_password(from_stdin=password_stdin))
    show(as_json, {"name": name, "ended": ended}, lambda: fields((("name", name), ("sessions ended", ended))))


@app.command("remove")
def remove(name: NameArgument, as_json: Json = False) -> None:
    """Take an account out: its sessions end, its PCs are nobody's."""
    with opened() as application:
        user = application.access.remove_user(name)
    show(as_json, {"removed": user.name}, lambda: fields((("removed", user.name),)))


@app.command("totp")
def totp(name: NameArgument, as_json: Json = False) -> None:
    """Make a secret for a phone, as an account's second factor. It counts once it is confirmed."""
    with opened() as application:
        made = application.second_factors.enrol(name)
    document = {"name": name, "secret": made.secret.reveal(), "uri": made.uri.reveal()}
    hint = f"It is shown this once. Enter it in the phone, then: bck user totp-confirm {name}"
    show(as_json, document, lambda: fields((*document.items(), ("", hint))))


@app.command("totp-confirm")
def totp_confirm(name: NameArgument, as_json: Json = False) -> None:
    """Show that the phone has it: its code, from standard input or asked for. Sign-in then needs one."""
    code = (
        Secret(typer.prompt("Code that the phone shows"))
        if sys.stdin.isatty()
        else given_password(from_stdin=True)
    )
    with opened() as application:
        codes = [one.reveal() for one in application.second_factors.confirm(name, code)]
    hint = "They are shown this once; each lets in once without the phone. Keep them on paper."
    rows = (("name", name), ("recovery codes", "\n".join(codes)), ("", hint))
    show(as_json, {"name": name, "recovery_codes": codes}, lambda: fields(rows))


@app.command("totp-off")
def totp_off(name: NameArgument, as_json: Json = False) -> None:
    """Switch an account's second factor off, for who has lost phone and recovery codes."""
    with opened() as application:
        application.second_factors.switch_off(name, None)
    document = {"name": name, "second_factor": False}
    show(as_json, document, lambda: fields((("name", name), ("second factor", "off"))))


@app.command("unlock")
def unlock(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The account.")] = None,
    address: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Instead of an account, an address; of IPv6 its whole network."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Forget the failed attempts of an account, or of an address.

    Who shares an address with somebody that guesses waits as well, 15 minutes at most.
    """
    if (name is None) == (address is None):
        raise InvalidInputError("Give a name or --address ADDRESS.", advice="List accounts: bck user list")
    with opened() as application:
        if address is not None:
            whose, freed, counts = "address", *application.throttles.unlock_address(address)
        else:
            whose, freed, counts = "name", str(name), application.throttles.unlock(str(name))
    document = {whose: freed, "forgotten": counts}
    show(as_json, document, lambda: fields(tuple(document.items())))


@app.command("sessions")
def sessions(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only those of this account.")] = None,
    as_json: Json = False,
) -> None:
    """List who is signed in, from where, since when."""
    with opened() as application:
        found = application.sessions.list(name)
    rows = [(one.id, one.user, one.address, time_text(one.used), time_text(one.expires)) for one in found]
    heads = ("SESSION", "NAME", "FROM", "LAST USED", "EXPIRES")
    document = {"items": [_session_document(one) for one in found]}
    show(as_json, document, lambda: table(heads, rows, empty="Nobody is signed in."))


@app.command("revoke")
def revoke(
    session: Annotated[str | None, typer.Argument(metavar="[SESSION]", help="The session to end.")] = None,
    all_of: Annotated[
        str | None, typer.Option("--all", metavar="NAME", help="All sessions of this account.")
    ] = None,
    as_json: Json = False,
) -> None:
    """End a session, or all of an account: their tokens count no more."""
    if (session is None) == (all_of is None):
        raise InvalidInputError("Give a session or --all NAME.", advice="List them: bck user sessions")
    with opened() as application:
        if session is not None:
            application.sessions.revoke(SessionId(session), by=who())
            ended = 1
        else:
            ended = application.sessions.revoke_all(str(all_of), by=who())
    show(as_json, {"ended": ended}, lambda: fields((("ended", ended),)))


@app.command("rotate-key")
def rotate_key(
    now: Annotated[
        bool, typer.Option("--now", help="Tokens signed with the key before count no more, as after a theft.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Sign access tokens with a new key. Those of the one before count until they expire."""
    with opened() as application:
        name = application.tokens.rotate(now=application.clock.now(), overlap=not now)
    show(as_json, {"key": name, "overlap": not now}, lambda: fields((("key", name),)))


@app.command("list")
def listed(as_json: Json = False) -> None:
    """List accounts and what they may do."""
    with opened() as application:
        users = application.access.users()
    rows = [
        (user.name, user.role.value, "yes" if user.needs_code else "no", time_text(user.created))
        for user in users
    ]
    empty = "There is no account: nobody can sign in."
    document = {"items": [_document(user) for user in users]}
    show(as_json, document, lambda: table(("NAME", "ROLE", "SECOND FACTOR", "SINCE"), rows, empty=empty))


def _show_user(user: User, *, as_json: bool) -> None:
    show(as_json, _document(user), lambda: fields((("name", user.name), ("role", user.role.value))))


def _document(user: User) -> dict[str, object]:
    return {
        "name": user.name,
        "role": user.role.value,
        "created": user.created.isoformat(),
        "second_factor": user.needs_code,
    }


def _session_document(session: Session) -> dict[str, object]:
    return {
        "session_id": session.id,
        "user": session.user,
        "created": session.created.isoformat(),
        "used": session.used.isoformat(),
        "expires": session.expires.isoformat(),
        "address": session.address,
        "client": session.client,
    }
