"""How a backup ended, with the reason and what to do. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bck_apps.gui.messages import Job
from bck_apps.gui.texts import Count, Phrase, Size, known_problem
from bck_apps.gui.viewmodels.standing import UNREACHABLE, State

_HARMLESS = {UNREACHABLE: "result.offline", "held-off": "result.held-off"}
"""Titles of ends that are no failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the result banner shows."""

    state: State
    title: Phrase
    lines: tuple[Phrase, ...]
    """Reason first, advice last."""
    details: str = ""
    """The server's own words, if they say more."""


def verdict(job: Job) -> Verdict:
    """Of a job that is over."""
    by_status = {
        "succeeded": _succeeded,
        "partial": _partial,
        "suspect": _suspect,
        "cancelled": _cancelled,
    }
    return by_status.get(job.status, _failed)(job)


def _number(job: Job, *keys: str) -> int:
    value: object = job.result
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, int) else 0


def _contents(job: Job) -> tuple[Phrase, ...]:
    numbers = {key: _number(job, "counts", key) for key in ("files", "bytes", "added", "changed", "gone")}
    if not job.result:
        return ()
    if job.result.get("made_point") is False:
        return (Phrase("result.unchanged.text"),)
    return (
        Phrase(
            "result.succeeded.text",
            {
                "files": Phrase("progress.files", {"count": Count(numbers["files"])}),
                "size": Size(numbers["bytes"]),
                **{key: Count(numbers[key]) for key in ("added", "changed", "gone")},
            },
        ),
    )


def _succeeded(job: Job) -> Verdict:
    found = not isinstance(job.result, dict) or "counts" not in job.result or _number(job, "counts", "files")
    empty = () if found else (Phrase("result.empty.text"), Phrase("result.empty.advice"))
    return Verdict(state=State.SUCCESS, title=Phrase("result.succeeded"), lines=(*_contents(job), *empty))


def _partial(job: Job) -> Verdict:
    problems = _number(job, "problems")
    reason = (Phrase("result.partial.problems", {"count": Count(problems)}),) if problems else ()
    return Verdict(
        state=State.ISSUES,
        title=Phrase("result.partial"),
        lines=(*reason, Phrase("result.partial.text"), Phrase("result.partial.advice")),
        details=job.error_text,
    )


def _suspect(job: Job) -> Verdict:
    lines = (Phrase("result.suspect.text"), Phrase("result.suspect.advice", {"profile": job.profile}))
    return Verdict(state=State.ISSUES, title=Phrase("result.suspect"), lines=lines, details=job.error_text)


def _cancelled(job: Job) -> Verdict:
    by_person = job.cancel_requested or job.error_code == "cancelled"
    lines = (Phrase("result.cancelled.text"),)
    return Verdict(
        state=State.OFFLINE,
        title=Phrase("result.cancelled"),
        lines=lines,
        details="" if by_person else job.error_text,
    )


def _failed(job: Job) -> Verdict:
    code = job.error_code or "internal"
    key = code if known_problem(code) else "unknown"
    parts = ("what", "meaning", "advice")
    lines = (*(Phrase(f"problem.{key}.{part}", {"code": code}) for part in parts), Phrase("result.kept"))
    harmless = _HARMLESS.get(code)
    return Verdict(
        state=State.OFFLINE if harmless else State.FAILED,
        title=Phrase(harmless or "result.failed"),
        lines=lines,
        details=job.error_text,
    )
