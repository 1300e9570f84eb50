"""Verbs about profiles: add, set, list, show."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.documents import profile_document
from bck_apps.cli.jobs import ProfileArgument
from bck_apps.cli.keep import (
    Given,
    KeepDaily,
    KeepHourly,
    KeepLast,
    KeepMonthly,
    KeepWeekly,
    KeepWithin,
    KeepYearly,
    MinAge,
    TimeZone,
    changed,
)
from bck_apps.cli.screen import Json, fields, show, table, yes_no
from bck_apps.cli.session import opened
from bck_apps.cli.units import parsed_size, size_text
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
    keep_last: KeepLast = None,
    keep_hourly: KeepHourly = None,
    keep_daily: KeepDaily = None,
    keep_weekly: KeepWeekly = None,
    keep_monthly: KeepMonthly = None,
    keep_yearly: KeepYearly = None,
    keep_within: KeepWithin = None,
    min_age: MinAge = None,
    time_zone: TimeZone = None,
    compress: Annotated[bool, typer.Option("--compress", help="Compress on the way.")] = False,
    bwlimit: Annotated[str, typer.Option(metavar="SIZE", help="At most so much a second, as 10M.")] = "",
    as_json: Json = False,
) -> None:
    """Make a profile. A point is kept while any of the rules --keep-… wants it, --min-age, or a hold."""
    counts: dict[str, Given] = {"keep_last": keep_last, "keep_hourly": keep_hourly, "keep_daily": keep_daily}
    counts |= {"keep_weekly": keep_weekly, "keep_monthly": keep_monthly, "keep_yearly": keep_yearly}
    rest: dict[str, Given] = {"keep_within": keep_within, "min_age": min_age, "time_zone": time_zone}
    profile = Profile(
        id=ProfileId(name),
        host=HostId(host),
        sources=parsed_sources(source),
        excludes=tuple(exclude or ()),
        retention=changed(RetentionPolicy(), counts | rest),
        options=TransferOptions(compress=compress, bandwidth_limit=parsed_size(bwlimit) if bwlimit else None),
    )
    with opened() as application:
        saved = application.profiles.add(profile)
    show(as_json, profile_document(saved), lambda: _profile_view(saved))


Repoint = Annotated[
    list[str] | None,
    typer.Option(metavar="SOURCE", help="This source's folder was moved: its name leads to the new place."),
]


@app.command("set")
def set_profile(  # noqa: PLR0917  # typer wants one parameter per option
    profile: ProfileArgument,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]PATH", help="Folder on the host; repeat all: the list is replaced."),
    ] = None,
    repoint: Repoint = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="gitignore rule; the list is replaced; '' alone empties it."),
    ] = None,
    keep_last: KeepLast = None,
    keep_hourly: KeepHourly = None,
    keep_daily: KeepDaily = None,
    keep_weekly: KeepWeekly = None,
    keep_monthly: KeepMonthly = None,
    keep_yearly: KeepYearly = None,
    keep_within: KeepWithin = None,
    min_age: MinAge = None,
    time_zone: TimeZone = None,
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
    counts: dict[str, Given] = {"keep_last": keep_last, "keep_hourly": keep_hourly, "keep_daily": keep_daily}
    counts |= {"keep_weekly": keep_weekly, "keep_monthly": keep_monthly, "keep_yearly": keep_yearly}
    rest: dict[str, Given] = {"keep_within": keep_within, "min_age": min_age, "time_zone": time_zone}
    kept = counts | rest
    if all(one is None for one in (source, exclude, compress, bwlimit, enabled, *kept.values())):
        raise InvalidInputError(
            "Nothing was given that could be changed.", advice="See bck profile set --help"
        )
    with opened() as application:
        before = application.profiles.get(ProfileId(profile))
        wanted = replace(
            before,
            sources=parsed_sources(source, before.sources) if source else before.sources,
            excludes=before.excludes if exclude is None else () if exclude == [""] else tuple(exclude),
            retention=changed(before.retention, kept),
            options=_options(before.options, compress, bwlimit),
            enabled=before.enabled if enabled is None else enabled,
        )
        saved = application.profiles.change(wanted, repoint=repoint or ())
    show(as_json, profile_document(saved), lambda: _profile_view(saved))


def _options(before: TransferOptions, compress: bool | None, bwlimit: str | None) -> TransferOptions:
    limit = before.bandwidth_limit if bwlimit is None else parsed_size(bwlimit) or None
    return replace(before, compress=before.compress if compress is None else compress, bandwidth_limit=limit)


def _profile_view(profile: Profile) -> "RenderableType":
    limit = profile.options.bandwidth_limit
    return fields(
        (
            ("profile", profile.id),
            ("host", profile.host),
            ("sources", "\n".join(f"{source.name} = {source.path}" for source in profile.sources)),
            ("excludes", "\n".join(profile.excludes)),
            ("keep", profile.retention.text),
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
            one.retention.text,
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
