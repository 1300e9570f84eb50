"""What is said of a host: options of `bck host add`, and, named `New…`, those that replace what is known."""

from collections.abc import Sequence
from typing import Annotated

import typer

from bck_apps.cli.keys import public_key
from bckcore.domain.host_platform import Platform
from bckcore.errors import InvalidInputError

Allow = Annotated[
    list[str] | None, typer.Option(metavar="PATH", help="Folder that may be read; may be repeated.")
]
NewAllow = Annotated[
    list[str] | None,
    typer.Option(metavar="PATH", help="Folder that may be read; repeat all: the list is replaced."),
]
HostKey = Annotated[
    list[str] | None, typer.Option(metavar="'TYPE BASE64'", help="The host's public key; repeatable.")
]
NewHostKey = Annotated[
    list[str] | None,
    typer.Option(metavar="'TYPE BASE64'", help="Public key to pin instead of those that are; repeatable."),
]
Trust = Annotated[
    bool, typer.Option("--trust-on-first-use", help="Take the key that the host shows now for its own.")
]
NewTrust = Annotated[
    bool, typer.Option("--trust-on-first-use", help="Pin the key that the host shows now instead.")
]
TakeOver = Annotated[
    bool,
    typer.Option("--take-over-history", help="Go on with what is kept of a removed host of that name."),
]
PlatformOption = Annotated[
    Platform, typer.Option(help="What runs there; on windows and macos, filters fit either case.")
]
NewPlatform = Annotated[Platform | None, typer.Option(help="What runs there.")]
Owner = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Account that it belongs to; may be repeated.")
]
NewOwner = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Account that it belongs to; repeat all: the list is replaced."),
]


def pinned(host_key: Sequence[str] | None, *, trust_on_first_use: bool) -> tuple[str, ...]:
    """The public keys that are given. Raises InvalidInputError, also where both options are."""
    if trust_on_first_use and host_key:
        raise InvalidInputError("Give --host-key or --trust-on-first-use, not both.")
    return tuple(public_key(text) for text in host_key or ())
