"""How much may be stored of a host, and how much is: options, and the verb that measures."""

from typing import Annotated

import typer

from bck_apps.cli.screen import Json, fields, show
from bck_apps.cli.session import opened
from bck_apps.cli.units import size_text
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.size import parsed_size

Quota = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="How much may be stored of the host, as 500G; 0: no limit."),
]
QuotaFiles = Annotated[
    int | None,
    typer.Option(min=0, metavar="NUMBER", help="How many files and folders may be stored; 0: no limit."),
]


def quota_bytes(text: str | None) -> int | None:
    """The option as a number; None where it was not given. Raises InvalidInputError."""
    return None if text is None else parsed_size(text)


def quota_text(host: Host) -> str:
    """A host's quota for people; empty for none."""
    size = size_text(host.quota_bytes) if host.quota_bytes is not None else ""
    files = f"{host.quota_inodes} files and folders" if host.quota_inodes is not None else ""
    return ", ".join(filter(None, (size, files)))


def usage(
    host: Annotated[str, typer.Argument(metavar="HOST", help="Name of the host.")], as_json: Json = False
) -> None:
    """Measure what all that is stored of a host takes on the disk, history included."""
    with opened() as application:
        found = application.hosts.get(HostId(host))
        used = application.storage.usage(found.id)
    document = {
        "host": found.id,
        "bytes": used.bytes,
        "inodes": used.inodes,
        "quota_bytes": found.quota_bytes,
        "quota_inodes": found.quota_inodes,
    }
    pairs = (
        ("host", found.id),
        ("stored", f"{size_text(used.bytes)}, {used.inodes} files and folders"),
        ("quota", quota_text(found) or "none"),
    )
    show(as_json, document, lambda: fields(pairs))
