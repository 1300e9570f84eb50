"""Verbs about profiles: add, set, list, show, remove."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.documents import profile_document
from bck_apps.cli.filters import Bckignore, MaxSize, Presets, SkipCaches, chosen
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
from bck_apps.cli.patience import Attempts, ConnectTimeout, IdleTimeout, TotalTimeout, patient
from bck_apps.cli.screen import Json, fields, say, show, table, yes_no
from bck_apps.cli.session import opened
from bck_apps.cli.timing import NOTHING_GIVEN, Timing, timing_fields, with_timing
from bck_apps.cli.units import size_text
from bckcore.domain.filters import FilterOptions
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.profile import Profile
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.size import parsed_size
from bckcore.domain.source import parsed_sources
from bckcore.domain.transfer import TransferOptions
from bckcore.domain.wording import counted
from bckcore.errors import InvalidInputError
from bckcore.services.profiles import KeptHistory

if TYPE_CHECKING:
    from rich.console import RenderableType

_Compress = Annotated[
    bool | None, typer.Option("--compress/--no-compress", help="Compress on the way, or not.")
]
_Enabled = Annotated[bool | None, typer.Option("--enable/--disable", help="Whether backups may be started.")]

app = typer.Typer(help="What is backed up, from where, and how long it is kept.", no_args_is_help=True)


@app.command("add")
@with_timing
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
    preset: Presets = None,
    bckignore: Bckignore = None,
    skip_caches: SkipCaches = None,
    max_size: MaxSize = None,
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
    connect_timeout: ConnectTimeout = None,
    idle_timeout: IdleTimeout = None,
    total_timeout: TotalTimeout = None,
    attempts: Attempts = None,
    timing: Timing = NOTHING_GIVEN,
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
        filters=chosen(FilterOptions(), preset, bckignore, skip_caches, max_size),
        retention=changed(RetentionPolicy(), counts | rest),
        options=patient(
            TransferOptions(compress=compress, bandwidth_limit=parsed_size(bwlimit) if bwlimit else None),
            connect_timeout,
            idle_timeout,
            total_timeout,
            attempts,
        ),
    )
    with opened() as application:
        saved = application.profiles.add(timing.applied(profile))
        history = application.profiles.history(saved.id)
    if history.runs:
        say(f"There was a {saved.id} before: it goes on after run {history.runs}, {_points(history)} kept.")
    show(as_json, profile_document(saved), lambda: _profile_view(saved))


Repoint = Annotated[
    list[str] | None,
    typer.Option(metavar="SOURCE", help="This source's folder was moved: its name leads to the new place."),
]


@app.command("set")
@with_timing
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
    preset: Presets = None,
    bckignore: Bckignore = None,
    skip_caches: SkipCaches = None,
    max_size: MaxSize = None,
    keep_last: KeepLast = None,
    keep_hourly: KeepHourly = None,
    keep_daily: KeepDaily = None,
    keep_weekly: KeepWeekly = None,
    keep_monthly: KeepMonthly = None,
    keep_yearly: KeepYearly = None,
    keep_within: KeepWithin = None,
    min_age: MinAge = None,
    time_zone: TimeZone = None,
    compress: _Compress = None,
    bwlimit: Annotated[
        str | None, typer.Option(metavar="SIZE", help="At most so much a second, as 10M; 0 for no limit.")
    ] = None,
    connect_timeout: ConnectTimeout = None,
    idle_timeout: IdleTimeout = None,
    total_timeout: TotalTimeout = None,
    attempts: Attempts = None,
    enabled: _Enabled = None,
    timing: Timing = NOTHING_GIVEN,
    as_json: Json = False,
) -> None:
    """Change a profile: only what is given. Name and host stay, and so does all that is kept."""
    counts: dict[str, Given] = {"keep_last": keep_last, "keep_hourly": keep_hourly, "keep_daily": keep_daily}
    counts |= {"keep_weekly": keep_weekly, "keep_monthly": keep_monthly, "keep_yearly": keep_yearly}
    rest: dict[str, Given] = {"keep_within": keep_within, "min_age": min_age, "time_zone": time_zone}
    kept = counts | rest
    patience = connect_timeout, idle_timeout, total_timeout, attempts
    left_out = preset, bckignore, skip_caches, max_size
    others = source, exclude, compress, bwlimit, enabled
    _require_something(timing, *others, *patience, *left_out, *kept.values())
    with opened() as application:
        before = application.profiles.get(ProfileId(profile))
        wanted = replace(
            before,
            sources=parsed_sources(source, before.sources) if source else before.sources,
            excludes=before.excludes if exclude is None else () if exclude == [""] else tuple(exclude),
            filters=chosen(before.filters, *left_out),
            retention=changed(before.retention, kept),
            options=patient(_options(before.options, compress, bwlimit), *patience),
            enabled=before.enabled if enabled is None else enabled,
        )
        saved = application.profiles.change(timing.applied(wanted), repoint=repoint or ())
    show(as_json, profile_document(saved), lambda: _profile_view(saved))


def _require_something(timing: Timing, *given: object) -> None:
    if not timing.given and all(one is None for one in given):
        raise InvalidInputError(
            "Nothing was given that could be changed.", advice="See bck profile set --help"
        )


def _options(before: TransferOptions, compress: bool | None, bwlimit: str | None) -> TransferOptions:
    limit = before.bandwidth_limit if bwlimit is None else parsed_size(bwlimit) or None
    return replace(before, compress=before.compress if compress is None else compress, bandwidth_limit=limit)


def _patience_text(options: TransferOptions) -> str:
    total = f", {options.total_timeout} s in all" if options.total_timeout else ""
    waits = f"{options.connect_timeout} s to connect, {options.idle_timeout} s idle{total}"
    return f"{waits}; {options.attempts} attempts"


def _profile_view(profile: Profile) -> "RenderableType":
    limit = profile.options.bandwidth_limit
    return fields(
        (
            ("profile", profile.id),
            ("host", profile.host),
            ("sources", "\n".join(f"{source.name} = {source.path}" for source in profile.sources)),
            ("presets", "\n".join(profile.filters.presets)),
            ("their rules", "\n".join(profile.filters.rules)),
            ("excludes", "\n".join(profile.excludes)),
            (".bckignore", "heeded" if profile.filters.bckignore else ""),
            ("CACHEDIR.TAG", "heeded" if profile.filters.skip_caches else ""),
            ("no file above", size_text(profile.filters.max_size) if profile.filters.max_size else ""),
            ("keep", profile.retention.text),
            ("compress", yes_no(profile.options.compress)),
            ("at most", f"{size_text(limit)}/s" if limit else ""),
            ("patience", _patience_text(profile.options)),
            *timing_fields(profile),
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
            one.schedule.text if one.schedule else "-",
            yes_no(one.enabled),
        )
        for one in found
    )
    return table(
        ("PROFILE", "HOST", "SOURCES", "KEEP", "SCHEDULE", "ENABLED"), rows, empty="There are no profiles."
    )


@app.command("show")
def show_profile(profile: ProfileArgument, as_json: Json = False) -> None:
    """Show one profile."""
    with opened() as application:
        found = application.profiles.get(ProfileId(profile))
    show(as_json, profile_document(found), lambda: _profile_view(found))


@app.command("remove")
def remove(profile: ProfileArgument, as_json: Json = False) -> None:
    """Forget a profile. Its backups stay in storage, with all their points; --disable only stops backups."""
    with opened() as application:
        kept = application.profiles.remove(ProfileId(profile))
        root = application.settings.storage.root
    places = [f"{root}/{place}" for place in kept.places]
    document = {
        "removed": profile,
        "host": kept.ref.host,
        "runs": kept.runs,
        "points": kept.points,
        "kept": places,
        "advice": kept.way_back,
    }
    rows = (
        ("removed", profile),
        ("stays", "\n".join((_points(kept), *places)) if places else "nothing: it was never backed up"),
        ("way back", kept.way_back),
    )
    show(as_json, document, lambda: fields(rows))


def _points(kept: KeptHistory) -> str:
    return counted(kept.points, "restore point")
