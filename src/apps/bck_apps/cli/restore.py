"""The verb `restore`: into a folder on this server, or back to the PC."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.documents import Document, foreseen_document
from bck_apps.cli.follow import end_with, see_through
from bck_apps.cli.given import require_path
from bck_apps.cli.host_password import HostPasswordStdin, sent_password, tell_if_dropped
from bck_apps.cli.jobs import ProfileArgument
from bck_apps.cli.screen import Json, fields, put, say
from bck_apps.cli.session import opened, who
from bck_apps.cli.status import PARTIAL
from bck_apps.cli.units import size_text
from bckcore.domain.ids import ProfileId
from bckcore.domain.job import Job
from bckcore.domain.push import Conflict, PushOutcome
from bckcore.domain.restore import RestoreOptions
from bckcore.errors import InvalidInputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bckcore.services.restore_request import RestoreRequest

PointOption = Annotated[
    str,
    typer.Option(
        metavar="POINT|latest|TIME", help="Which point; of a time (a date: its end) the newest before."
    ),
]
PathsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PATH]...", help="SOURCE, SOURCE/path or the full path on the PC; else all."),
]
IncludeDeleted = Annotated[
    bool, typer.Option("--include-deleted", help="Also what was deleted before the point, as it last was.")
]


To = Annotated[str | None, typer.Option(metavar="DIR", help="Folder on this server.")]
ToHost = Annotated[bool, typer.Option("--to-host", help="Back to the PC.")]
HostDir = Annotated[
    str | None, typer.Option("--host-dir", metavar="DIR", help="With --to-host: folder on the PC.")
]
InPlace = Annotated[bool, typer.Option("--in-place", help="With --to-host: where the files came from.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is in the way.")]
KeepBoth = Annotated[bool, typer.Option("--keep-both", help="Rename what is in the way to NAME~TIME.")]
Skip = Annotated[bool, typer.Option("--skip", help="Leave what is in the way as it is.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a restore into the same folder that was cut.")
]
Verify = Annotated[bool, typer.Option("--verify", help="Compare large files with their digests, too.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only list what would happen.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="With --to and --dry-run: also list what stands there exactly so.")
]


def restore(  # noqa: PLR0917  # one parameter per option
    profile: ProfileArgument,
    point: PointOption,
    to: To = None,
    to_host: ToHost = False,
    host_dir: HostDir = None,
    in_place: InPlace = False,
    overwrite: Overwrite = False,
    keep_both: KeepBoth = False,
    skip: Skip = False,
    include_deleted: IncludeDeleted = False,
    resume: Resume = False,
    verify: Verify = False,
    dry_run: DryRun = False,
    verbose: Verbose = False,
    password_stdin: HostPasswordStdin = False,
    paths: PathsArgument = None,
    as_json: Json = False,
) -> None:
    """Bring files back as they were at a point, into DIR/<source>/ or back to the PC.

    A folder that holds something is refused unless you say what to do with what is in the way. While 'bck
    serve' runs, it does the work, with its own rights; otherwise it is done here.
    """
    from bckcore.services.restore_request import RestoreRequest

    options = RestoreOptions(
        conflict=_conflict(overwrite=overwrite, keep_both=keep_both, skip=skip),
        include_deleted=include_deleted,
        resume=resume,
        verify=verify,
    )
    folder = _folder(to, to_host=to_host, host_dir=host_dir, in_place=in_place)
    request = RestoreRequest(
        point=point,
        folder=folder,
        host_dir=host_dir,
        paths=wanted_paths(paths),
        options=options,
        dry_run=dry_run and folder is None,
    )
    password = sent_password(from_stdin=password_stdin)
    if dry_run and folder is not None:
        _look_ahead(ProfileId(profile), request, folder, verbose=verbose, as_json=as_json)
        return
    with opened() as application:
        asked = application.jobs.start_restore(
            ProfileId(profile), request, requested_by=who(), password=password
        )
        tell_if_dropped(asked)
        for other in asked.instead_of:
            say(f"Job {other}, an unfinished restore into that folder, is cancelled: this one takes over.")
        job = see_through(application, asked.job.id, as_json=as_json)
    end_with(job, as_json=as_json, human=_restore_view)


def wanted_paths(paths: list[str] | None) -> tuple[bytes, ...]:
    """Arguments are bytes that Python made text of; this gives exactly those bytes back."""
    return tuple(os.fsencode(path) for path in paths or ())


def _conflict(*, overwrite: bool, keep_both: bool, skip: bool) -> Conflict | None:
    chosen = [
        choice
        for choice, wanted in (
            (Conflict.OVERWRITE, overwrite),
            (Conflict.KEEP_BOTH, keep_both),
            (Conflict.SKIP, skip),
        )
        if wanted
    ]
    if len(chosen) > 1:
        raise InvalidInputError("Choose one of --overwrite, --keep-both and --skip.")
    return chosen[0] if chosen else None


def _folder(to: str | None, *, to_host: bool, host_dir: str | None, in_place: bool) -> Path | None:
    """The folder on this server; None: to the PC. Raises InvalidInputError."""
    if (to is None) != to_host:
        raise InvalidInputError("Where to? Give --to DIR, or --to-host with --host-dir DIR or --in-place.")
    if to_host != (host_dir is not None or in_place) or (host_dir is not None and in_place):
        raise InvalidInputError("--to-host goes with one of --host-dir DIR and --in-place.")
    if host_dir is not None:
        require_path(host_dir, "--host-dir")
    if to is None:
        return None
    return Path(os.path.abspath(require_path(to, "--to")))  # noqa: PTH100  # links stay to be seen


def _look_ahead(
    profile: ProfileId, request: "RestoreRequest", folder: Path, *, verbose: bool, as_json: bool
) -> None:
    """List what would happen, as it is found out; memory does not grow with it."""
    counts: Counter[str] = Counter()
    with opened() as application:
        found = application.restores.foresee(
            profile, point=request.point, to=folder, paths=request.paths, options=request.options
        )
        documents = (_counted(foreseen_document(one), counts) for one in found)
        if as_json:
            _print_json(documents, counts)
        else:
            _print_lines(documents, counts, verbose=verbose)
    if counts["failed"]:
        raise typer.Exit(PARTIAL)


def _counted(document: Document, counts: Counter[str]) -> Document:
    counts[str(document["outcome"])] += 1
    return document


def _print_json(documents: Iterator[Document], counts: Mapping[str, int]) -> None:
    """One document, written piece by piece. An error before the first path is all that is printed."""
    first = next(documents, None)
    print('{"dry_run": true, "items": [', end="")
    if first is not None:
        print("\n" + json.dumps(first), end="")
    for document in documents:
        print(",\n" + json.dumps(document), end="")
    print('\n], "counts": ' + json.dumps(dict(counts)) + "}", flush=True)


def _print_lines(documents: Iterator[Document], counts: Mapping[str, int], *, verbose: bool) -> None:
    for document in documents:
        if verbose or document["outcome"] != PushOutcome.SAME.value:
            put(_line(document["outcome"], document["path"], document["problem"]))
    _tell_total(counts)


def _line(outcome: object, path: object, problem: object = None) -> str:
    """One path of a dry run, wherever it would go."""
    return f"{outcome:<10} {path}" + (f"  ({problem})" if problem else "")


def _tell_total(counts: Mapping[str, int]) -> None:
    total = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items()) if number)
    say(f"Nothing was changed. A restore would come to: {total or 'nothing'}.")


def _restore_view(job: Job) -> "RenderableType | None":
    data = job.result.data
    if data.get("dry_run"):
        _foreseen_view(job)
        return None
    count, counts, targets = data.get("bytes"), data.get("counts"), data.get("targets")
    return fields(
        (
            ("job", job.id),
            ("outcome", job.status.value),
            ("point", data.get("point")),
            ("folder", data.get("folder")),
            ("on the PC", ", ".join(map(str, targets.values())) if isinstance(targets, dict) else ""),
            ("files", data.get("files")),
            ("size", size_text(count) if isinstance(count, int) else ""),
            ("paths", _counts_text(counts) if isinstance(counts, dict) else ""),
            ("problems", data.get("problems") or ""),
        )
    )


def _counts_text(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in counts.items() if number)


def _foreseen_view(job: Job) -> None:
    """What a dry run to the PC found, as one into a folder prints it."""
    data = job.result.data
    listed, counts = data.get("listed"), data.get("counts")
    for one in listed if isinstance(listed, list) else ():
        put(_line(one["outcome"], f"{one['source']}/{one['path']}".removesuffix("/.")))
    problems = data.get("problem_list")
    for one in problems if isinstance(problems, list) else ():
        put(_line("failed", one["path"], one["message"]))
    if isinstance(counts, dict):
        _tell_total({name.replace("_", "-"): number for name, number in counts.items()})
