"""Verbs about accounts of people: add one, list them."""

from typing import Annotated

import typer

from bck_apps.cli.admin import given_password
from bck_apps.cli.screen import Json, fields, show, table
from bck_apps.cli.session import opened
from bck_apps.cli.units import time_text
from bckcore.domain.access import Role, User

app = typer.Typer(help="Accounts of people.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name to sign in with.")],
    role: Annotated[Role, typer.Option(help="What the account may do.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from one line of standard input.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make an account. Who may read BCK_HOME may do so, and needs none: so comes the first after a loss."""
    with opened() as application:
        user = application.access.add_user(name, given_password(from_stdin=password_stdin), role)
    show(as_json, _document(user), lambda: fields((("name", user.name), ("role", user.role.value))))


@app.command("list")
def listed(as_json: Json = False) -> None:
    """List accounts and what they may do."""
    with opened() as application:
        users = application.access.users()
    rows = [(user.name, user.role.value, time_text(user.created)) for user in users]
    empty = "There is no account: nobody can sign in."
    document = {"items": [_document(user) for user in users]}
    show(as_json, document, lambda: table(("NAME", "ROLE", "SINCE"), rows, empty=empty))


def _document(user: User) -> dict[str, object]:
    return {"name": user.name, "role": user.role.value, "created": user.created.isoformat()}
