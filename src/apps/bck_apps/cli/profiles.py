"""Verbs about profiles: add, set, list, show."""

from collections.abc import Sequence
from dataclasses import replace
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
from bckcore.errors import InvalidInputError

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


@app.command("set")
def set_profile(  # noqa: PLR0917  # typer wants one parameter per option
    profile: ProfileArgument,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]PATH", help="Folder on the host; repeat all: the list is replaced."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="gitignore rule; the list is replaced; '' alone empties it."),
    ] = None,
    keep_last: Annotated[int | None, typer.Option(min=1, help="Keep so many good points.")] = None,
    keep_within: Annotated[
        str | None, typer.Option(metavar="TIME", help="Keep all points younger than that.")
    ] = None,
    compress: Annotated[
        bool | None, typer.Option("--compress/--no-compress", help="Compress on the way, or not.")
    ] = None,
    bwlimit: Annotated[
        str | None, typer.Option(metavar="SIZE", help="At most so much a second, as 10M; 0 for no limit.")
    ] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether backups may be started.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Change a profile: only what is given. Name and host stay, and so does all that is kept."""
    given = (source, exclude, keep_last, keep_within, compress, bwlimit, enabled)
    if all(one is None for one in given):
        raise InvalidInputError(
            "Nothing was given that could be changed.", advice="See bck profile set --help"
        )
    with opened() as application:
        before = application.profiles.get(ProfileId(profile))
        changed = replace(
            before,
            sources=parsed_sources(source, before.sources) if source else before.sources,
            excludes=before.excludes if exclude is None else () if exclude == [""] else tuple(exclude),
            retention=_retention(before.retention, keep_last, keep_within),
            options=_options(before.options, compress, bwlimit),
            enabled=before.enabled if enabled is None else enabled,
        )
        saved = application.profiles.change(changed)
    show(as_json, profile_document(saved), lambda: _profile_view(saved))


def _retention(before: RetentionPolicy, keep_last: int | None, keep_within: str | None) -> RetentionPolicy:
    within = before.keep_within if keep_within is None else parsed_duration(keep_within)
    return replace(before, keep_last=before.keep_last if keep_last is None else keep_last, keep_within=within)


def _options(before: TransferOptions, compress: bool | None, bwlimit: str | None) -> TransferOptions:
    limit = before.bandwidth_limit if bwlimit is None else parsed_size(bwlimit) or None
    return replace(before, compress=before.compress if compress is None else compress, bandwidth_limit=limit)


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
