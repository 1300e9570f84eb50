"""Verbs that change history by a run or for good: undo, run accept, forget; and the list of runs."""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.documents import Document
from bck_apps.cli.follow import end_with, outcome_rows, see_through
from bck_apps.cli.history_documents import accept_plan_document, run_document, undo_plan_document
from bck_apps.cli.jobs import ProfileArgument
from bck_apps.cli.screen import Json, fields, say, show, table
from bck_apps.cli.session import opened, who
from bck_apps.cli.units import size_text, time_text
from bckcore.domain.difference import SIGNS, DifferenceKind
from bckcore.domain.file_version import EntryKind
from bckcore.domain.ids import ProfileId
from bckcore.domain.job import Job
from bckcore.domain.paths import display
from bckcore.domain.run import Run
from bckcore.domain.wording import counted
from bckcore.errors import InvalidInputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bckcore.ports.put_back import StoredPlace
    from bckcore.services.accept import AcceptPlan
    from bckcore.services.forget import ForgetPlan
    from bckcore.services.undo import UndoPlan

run_app = typer.Typer(help="Runs of a profile.", no_args_is_help=True)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept with what is done.")]


def undo(
    profile: ProfileArgument,
    run: Annotated[
        str,
        typer.Argument(metavar="[RUN]", help="Undo this run and all after it: number, id or latest."),
    ] = "",
    to: Annotated[
        str, typer.Option(metavar="POINT", help="Go back to this point instead: name, number, time.")
    ] = "",
    reason: Reason = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Bring the stored files back to the state before a run, as a new restore point.

    Every earlier point stays, and the undo can itself be undone. The PC is not touched: the next backup
    stores what it has then as a new point.
    """
    from bckcore.services.history_requests import UndoRequest

    request = UndoRequest(run=run, to=to, reason=reason)
    with opened() as application:
        if dry_run:
            plan = application.history.plan_undo(ProfileId(profile), request)
            show(as_json, undo_plan_document(plan), lambda: _undo_view(plan))
            return
        asked = application.history.start_undo(ProfileId(profile), request, requested_by=who())
        job = see_through(application, asked.job.id, as_json=as_json)
    end_with(job, as_json=as_json, human=_run_view)


def _undo_view(plan: "UndoPlan") -> "RenderableType":
    runs = ", ".join(str(run.seq) for run in plan.undone) or "none"
    say("Nothing was changed: this only shows what would be done.")
    say(f"Back to point {plan.goal.run_id} of {time_text(plan.goal.finished)}; runs undone: {runs}.")
    told = ", ".join(f"{plan.kinds.get(kind, 0)} {word}" for kind, word in _WORDS.items())
    say(f"{plan.change_count} paths would change, folders included: {told}.")
    if plan.change_count > len(plan.changes):
        say(f"The first {len(plan.changes)} of {plan.change_count} paths:")
    rows = (
        (SIGNS[one.kind], f"{one.source}/{display(one.path)}", _size(entry.size))
        for one in plan.changes
        if (entry := one.new or one.old)
    )
    return table(("", "PATH", "SIZE>"), rows, empty="Nothing differs.")


_WORDS = {
    DifferenceKind.ADDED: "come back (+)",
    DifferenceKind.CHANGED: "get other content (M)",
    DifferenceKind.TYPE: "become something else (T)",
    DifferenceKind.ATTRIBUTES: "get other times, modes or owners (A)",
    DifferenceKind.GONE: "go aside (-)",
}


def _size(size: int) -> str:
    return size_text(size) if size else ""


def _run_view(job: Job) -> "RenderableType":
    return fields(
        (
            ("job", job.id),
            ("run", job.result.data.get("run_id")),
            ("outcome", job.status.value),
            *outcome_rows(job),
        )
    )


@run_app.command("list")
def run_list(
    profile: ProfileArgument,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many of the newest.")] = 20,
    as_json: Json = False,
) -> None:
    """List a profile's runs, oldest first: backups, undos and acceptances, failed ones too."""
    with opened() as application:
        found = application.history.runs(ProfileId(profile))[-limit:]
    show(as_json, {"items": [run_document(run) for run in found]}, lambda: _runs_table(found))


def _runs_table(found: Sequence[Run]) -> "RenderableType":
    rows = (
        (
            run.seq,
            run.id,
            run.kind.value,
            run.outcome.value if run.outcome else "running",
            "yes" if run.made_point else "",
            time_text(run.finished),
            f"+{run.counts.added} ~{run.counts.changed} -{run.counts.gone}",
            run.error_code,
        )
        for run in found
    )
    heads = ("SEQ>", "RUN", "KIND", "OUTCOME", "POINT", "FINISHED", "CHANGES", "ERROR")
    return table(heads, rows, empty="There is no run yet.")


@run_app.command("accept")
def run_accept(
    profile: ProfileArgument,
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="The suspect run: its number or id; else the newest.")
    ] = "",
    reason: Reason = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Take what a suspect run missed as deleted; only the newest run can be accepted.

    A new restore point without those files is made. Earlier points keep them.
    """
    from bckcore.services.history_requests import AcceptRequest

    request = AcceptRequest(run=run, reason=reason or ("only looking" if dry_run else ""))
    with opened() as application:
        if dry_run:
            plan = application.history.plan_accept(ProfileId(profile), request)
            show(as_json, accept_plan_document(plan), lambda: _accept_view(plan))
            return
        asked = application.history.start_accept(ProfileId(profile), request, requested_by=who())
        job = see_through(application, asked.job.id, as_json=as_json)
    end_with(job, as_json=as_json, human=_run_view)


def _accept_view(plan: "AcceptPlan") -> "RenderableType":
    say("Nothing was changed: this only shows what would count as deleted. A folder stands for all in it.")
    rows = (
        ("folder" if entry.kind is EntryKind.FOLDER else "file", f"{source}/{display(entry.path)}")
        for source, entry in plan.missing
    )
    return table(("WHAT", "PATH"), rows, empty="")


def forget(
    profile: ProfileArgument,
    path: Annotated[str, typer.Argument(metavar="PATH", help="SOURCE/path or the full path on the PC.")],
    reason: Reason = "",
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Remove a path and all below it from the storage and every restore point, for good.

    There is no way back. Who did it, when and why is kept; so are names, sizes and digests in earlier
    manifests, which cannot be changed. Holds do not keep the path.
    """
    from bckcore.services.history_requests import ForgetRequest

    wanted = os.fsencode(path)
    with opened() as application:
        if dry_run:
            plan = application.history.plan_forget(ProfileId(profile), wanted)
            show(as_json, _forget_document(plan), lambda: _forget_view(plan))
            return
        request = ForgetRequest(path=wanted, reason=reason)
        plan = application.history.plan_forget(ProfileId(profile), wanted)
        _confirm(plan, yes=yes, as_json=as_json)
        asked = application.history.start_forget(ProfileId(profile), request, requested_by=who())
        job = see_through(application, asked.job.id, as_json=as_json)
    end_with(job, as_json=as_json, human=_forgotten_view)


def _confirm(plan: "ForgetPlan", *, yes: bool, as_json: bool) -> None:
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise InvalidInputError(
            f"{plan.name} would be removed for good, and nobody can be asked.",
            advice="Look first with --dry-run, then give --yes.",
        )
    say(
        f"{plan.name}: {counted(plan.files, 'stored file')}, {size_text(plan.bytes)}, "
        f"in {counted(len(plan.points), 'point')}."
    )
    typer.confirm("Remove it for good? There is no way back.", abort=True)


def _forget_document(plan: "ForgetPlan") -> Document:
    from bckcore.services.history import forget_data

    return {**forget_data(plan), "dry_run": True}


def _forget_view(plan: "ForgetPlan") -> "RenderableType":
    say("Nothing was changed: this only shows what would be removed.")
    for line in _warnings(plan):
        say(line)
    rows = ((_where(place), place.files, size_text(place.bytes)) for place in plan.places)
    return table(("WHERE", "FILES>", "SIZE>"), rows, empty="No file of it is stored any more.")


def _where(place: "StoredPlace") -> str:
    return f"{place.run} (set aside)" if place.aside else place.run or "current"


def _warnings(plan: "ForgetPlan") -> list[str]:
    points = ", ".join(str(point.seq) for point in plan.points) or "none"
    lines = [f"Points that would no longer show {plan.name}: {points}."]
    lines += [
        f"Point {hold.seq} is {hold.text}. The hold keeps the point, not this path." for hold in plan.holds
    ]
    lines.append("Its names, sizes and digests stay in earlier manifests, which cannot be changed.")
    if plan.comes_back:
        lines.append(_comes_back(plan.rule))
    return lines


def _comes_back(rule: str) -> str:
    way = f"add the rule {rule}" if rule else "add a pattern that fits its name"
    return f"If the PC still has it, the next backup stores it again; to prevent that, {way} to the excludes."


def _forgotten_view(job: Job) -> "RenderableType":
    data = job.result.data
    size = data.get("bytes")
    points = data.get("points")
    return fields(
        (
            ("job", job.id),
            ("outcome", job.status.value),
            ("removed", data.get("path")),
            ("files", data.get("files")),
            ("size", size_text(size) if isinstance(size, int) else ""),
            ("gone from", _points_text(len(points)) if isinstance(points, list) else ""),
            ("note", _comes_back(str(data.get("exclude_rule") or "")) if data.get("comes_back") else ""),
        )
    )


def _points_text(number: int) -> str:
    return "1 restore point" if number == 1 else f"{number} restore points"
