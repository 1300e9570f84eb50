"""The verb check: prove that backups are good, and see what the newest check found."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.documents import outcome_document
from bck_apps.cli.follow import see_through
from bck_apps.cli.host_password import HostPasswordStdin, sent_password, tell_if_dropped
from bck_apps.cli.screen import Json, fields, say, show, table
from bck_apps.cli.session import opened, who
from bck_apps.cli.status import PARTIAL, status_of_job
from bck_apps.cli.units import size_text, time_text
from bck_apps.cli.values import not_empty
from bckcore.domain.check import Cause, CheckRequest
from bckcore.domain.ids import ProfileId
from bckcore.domain.job import Job
from bckcore.domain.secret import Secret
from bckcore.domain.wording import counted
from bckcore.errors import InvalidInputError, NotFoundError
from bckcore.services.strays import StrayCheck

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bck_apps.wiring import Application

ProfileArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[PROFILE]", help="Name of the profile; without it, every one.", callback=not_empty
    ),
]


def check(
    profile: ProfileArgument = None,
    sample: Annotated[
        str, typer.Option(metavar="PERCENT", help="Read the bytes of so many files, chosen by chance: 5%.")
    ] = "",
    read_data: Annotated[
        bool, typer.Option("--read-data", help="Read every file; compare every point with the manifests.")
    ] = False,
    against_host: Annotated[
        bool, typer.Option("--against-host", help="Read a sample again from the PC and compare.")
    ] = False,
    last: Annotated[bool, typer.Option("--last", help="Only show what the newest check found.")] = False,
    password_stdin: HostPasswordStdin = False,
    as_json: Json = False,
) -> None:
    """Compare the storage with the catalog, and name what is missing, extra, changed or rotten.

    Names, sizes, times, attributes, receipts and manifests are always compared, all of them; bytes are read
    as far as --sample or --read-data ask for it. Without a profile, what stands in the storage and belongs to
    none is named as well. Nothing is ever repaired.

    Exit status 0: nothing found. 3: something was found, or the PC could not be asked.
    """
    if last and (sample or read_data or against_host or password_stdin):
        raise InvalidInputError(
            "--last only shows what the newest check found; --sample, --read-data, --against-host and "
            "--password-stdin ask for a new one.",
            advice="Give the one or the other.",
        )
    password = sent_password(from_stdin=password_stdin)
    if password is not None and not profile:
        raise InvalidInputError(
            "--password-stdin is the password of one PC.", advice="Name the profile that is to be checked."
        )
    request = CheckRequest(sample=_percent(sample), read_data=read_data, against_host=against_host)
    with opened() as application:
        names = [profile] if profile else [one.id for one in application.profiles.list()]
        jobs = [
            _newest(application, ProfileId(name))
            if last
            else _made(application, ProfileId(name), request, password, as_json=as_json)
            for name in names
        ]
        whole = None if profile or last else _whole(application)
    if as_json:
        documents = [outcome_document(job) for job in jobs]
        show(True, documents[0] if profile else {"items": documents, **(whole or {})}, lambda: None)
    else:
        _show(jobs, whole)
    found = PARTIAL if whole and whole["extra"] else 0
    raise typer.Exit(max((found, *(status_of_job(job) for job in jobs))))


def _whole(application: "Application") -> dict[str, object]:
    """What belongs to no profile, and how many runs set harmed files aside."""
    strays = StrayCheck(units=application.units, storage=application.storage).find()
    return {"extra": [one.data() for one in strays], "set_aside": application.storage.runs_aside()}


def _show(jobs: Sequence[Job], whole: Mapping[str, object] | None) -> None:
    for job in jobs:
        show(False, {}, lambda job=job: _view(job))  # type: ignore[misc]  # each its own
        show(False, {}, lambda job=job: _findings_table(job.result.data))  # type: ignore[misc]  # likewise
    if whole is None:
        return
    if aside := whole["set_aside"]:
        say(f"Harmed files lie below .work/aside, set aside by backups (runs: {aside}). No point needs them.")
    show(False, {}, lambda: _findings_table({"findings": whole["extra"]}))


def _percent(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text.removesuffix("%"))
    except ValueError:
        raise InvalidInputError(f"{text!r} is no share of the files.", advice="Write it as 5%.") from None


def _made(
    application: "Application",
    profile: ProfileId,
    request: CheckRequest,
    password: Secret[str] | None,
    *,
    as_json: bool,
) -> Job:
    asked = application.check_jobs.start(profile, request, requested_by=who(), password=password)
    tell_if_dropped(asked)
    return see_through(application, asked.job.id, as_json=as_json, told_later=_is_finding)


def _newest(application: "Application", profile: ProfileId) -> Job:
    application.profiles.get(profile)
    job = application.check_jobs.newest_of(profile)
    if job is None:
        raise NotFoundError(
            f"{profile} was never checked.", advice=f"Check it: bck check {profile} --sample 5%"
        )
    return job


def _is_finding(text: str) -> bool:
    """A line of the log that tells what the table tells in the end."""
    return text.startswith(tuple(f"{cause.value}: " for cause in Cause))


def _many(number: object, thing: str = "file") -> str:
    return counted(number if isinstance(number, int) else 0, thing)


def _view(job: Job) -> "RenderableType":
    data = job.result.data
    read, asked = data.get("bytes_read"), data.get("host_files")
    host = f"{data.get('host_proven')} of {_many(asked)} proven, {data.get('host_changed')} changed since"
    return fields(
        (
            ("profile", job.profile),
            ("job", job.id),
            ("outcome", job.status.value),
            ("finished", time_text(job.finished)),
            ("compared", f"{_many(data.get('files'))}, {_many(data.get('records'), 'record')}"),
            ("read", f"{_many(data.get('files_read'))}, {size_text(read) if isinstance(read, int) else 0}"),
            ("proven", f"{_many(data.get('files_proven'))} by digest"),
            ("learned", data.get("digests_learned") or ""),
            ("left over", data.get("leftovers") or ""),
            ("on the PC", host if asked else data.get("host_error") or ""),
            ("findings", _causes_text(data.get("causes"))),
        )
    )


def _causes_text(causes: object) -> str:
    if not isinstance(causes, Mapping) or not causes:
        return "none"
    return ", ".join(f"{count} {cause}" for cause, count in causes.items())


def _findings_table(data: Mapping[str, object]) -> "RenderableType | None":
    findings = data.get("findings")
    if not isinstance(findings, Sequence) or not findings:
        return None
    total = data.get("total")
    if isinstance(total, int) and total > len(findings):
        say(f"{total} findings; the first {len(findings)} are listed.")
    rows = [
        (
            one["cause"],
            "/".join(part for part in (one["source"], one["path"]) if part),
            one["place"],
            one["newest_point"] or "",
            one["points"] or "",
            one["detail"],
        )
        for one in findings
    ]
    for advice in dict.fromkeys(f"{one['cause']}: {one['advice']}" for one in findings):
        say(advice)
    return table(("CAUSE", "PATH", "PLACE", "NEWEST POINT>", "POINTS>", "WHAT"), rows, empty="")
