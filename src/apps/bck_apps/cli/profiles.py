"""Verbs about profiles: add, list, show."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.documents import profile_document
from bck_apps.cli.jobs import ProfileArgument
from bck_apps.cli.screen import Json, fields, show, table, yes_no
from bck_apps.cli.session import opened
from bck_apps.cli.units import parsed_size, size_text
from bckcore.domain.duration import duration_text, parsed_duration
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.profile import Profile
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.source import parsed_sources
from bckcore.domain.transfer import TransferOptions

if TYPE_CHECKING:
    from rich.console import RenderableType

app = typer.Typer(help="What is backed up, from where, and how long it is kept.", no_args_is_help=True)


@app.command("add")
def add(  # noqa: PLR0917  # typer wants one parameter per option
    name: Annotated[str, typer.Argument(metavar="NAME", help="Short name, for example docs.")],
    host: Annotated[str, typer.Option(help="Name of the host.")],
    source: Annotated[
        list[str],
        typer.Option(metavar="[NAME=]PATH", help="Folder on the host, with a name if you like; repeatable."),
    ],
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="gitignore rule; may be repeated.")
    ] = None,
    keep_last: Annotated[int, typer.Option(min=1, help="Keep so many good points.")] = 20,
    keep_within: Annotated[
        str, typer.Option(metavar="TIME", help="Keep all points younger than that.")
    ] = "7d",
    compress: Annotated[bool, typer.Option("--compress", help="Compress on the way.")] = False,
    bwlimit: Annotated[str, typer.Option(metavar="SIZE", help="At most so much a second, as 10M.")] = "",
    as_json: Json = False,
) -> None:
    """Make a profile. A point is kept while --keep-last or --keep-within wants it."""
    profile = Profile(
        id=ProfileId(name),
        host=HostId(host),
        sources=parsed_sources(source),
        excludes=tuple(exclude or ()),
        retention=RetentionPolicy(keep_last=keep_last, keep_within=parsed_duration(keep_within)),
        options=TransferOptions(compress=compress, bandwidth_limit=parsed_size(bwlimit) if bwlimit else None),
    )
    with opened() as application:
        saved = application.profiles.add(profile)
    show(as_json, profile_document(saved), lambda: _profile_view(saved))


def _profile_view(profile: Profile) -> "RenderableType":
    limit = profile.options.bandwidth_limit
    kept = profile.retention
    return fields(
        (
            ("profile", profile.id),
            ("host", profile.host),
            ("sources", "\n".join(f"{source.name} = {source.path}" for source in profile.sources)),
            ("excludes", "\n".join(profile.excludes)),
            ("keep", f"the last {kept.keep_last}, and all within {duration_text(kept.keep_within)}"),
            ("compress", yes_no(profile.options.compress)),
            ("at most", f"{size_text(limit)}/s" if limit else ""),
            ("enabled", yes_no(profile.enabled)),
        )
    )


@app.command("list")
def list_profiles(as_json: Json = False) -> None:
    """List all profiles."""
    with opened() as application:
        found = application.profiles.list()
    show(as_json, {"items": [profile_document(one) for one in found]}, lambda: _profiles_table(found))


def _profiles_table(found: Sequence[Profile]) -> "RenderableType":
    rows = (
        (
            one.id,
            one.host,
            ", ".join(f"{source.name}={source.path}" for source in one.sources),
            f"{one.retention.keep_last}, {duration_text(one.retention.keep_within)}",
            yes_no(one.enabled),
        )
        for one in found
    )
    return table(("PROFILE", "HOST", "SOURCES", "KEEP", "ENABLED"), rows, empty="There are no profiles.")


@app.command("show")
def show_profile(profile: ProfileArgument, as_json: Json = False) -> None:
    """Show one profile."""
    with opened() as application:
        found = application.profiles.get(ProfileId(profile))
    show(as_json, profile_document(found), lambda: _profile_view(found))
