"""How far a backup is, without pretending: what is unknown is said to be unknown. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bck_apps.gui.messages import Job, Progress
from bck_apps.gui.texts import Count, Phrase, Rate, Size, Span

_MOVING = frozenset({"listing", "transferring", "restoring"})
_PHASES = _MOVING | {
    "waiting",
    "connecting",
    "filters",
    "cataloguing",
    "folding",
    "pruning",
    "undoing",
    "checking",
    "previewing",
    "finished",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressView:
    """What bar and lines show."""

    percent: int | None
    """None: a bar that moves without end."""
    headline: Phrase
    facts: tuple[Phrase, ...]
    current_file: str = ""


def progress_view(job: Job | None, progress: Progress) -> ProgressView:
    """Of a job that is not over; None while the server has not answered the start."""
    phase = progress.phase
    if job is None or job.status != "running":
        headline = Phrase("phase.queued" if job is not None else "phase.starting")
    elif not phase:
        headline = Phrase("phase.starting")
    elif phase in _PHASES:
        headline = Phrase(f"phase.{phase}", {"host": job.host, "source": progress.source})
    else:
        headline = Phrase("phase.other", {"phase": phase})
    percent = progress.percent if phase in _MOVING or phase == "finished" else None
    if percent is not None:
        percent = min(100, max(0, percent))
    moving = phase in _MOVING
    return ProgressView(
        percent=percent,
        headline=headline,
        facts=_facts(progress, percent) if moving else (),
        current_file=progress.current_file if moving else "",
    )


def _facts(progress: Progress, percent: int | None) -> tuple[Phrase, ...]:
    facts = [
        Phrase("progress.unknown")
        if percent is None
        else Phrase("progress.percent", {"percent": str(percent)})
    ]
    if progress.source_count > 1:
        place = {"number": str(progress.source_number), "count": str(progress.source_count)}
        facts.append(Phrase("progress.source", place))
    if progress.files_total:
        total = {"seen": Count(progress.files_seen), "total": Count(progress.files_total)}
        facts.append(Phrase("progress.files-about" if progress.estimated else "progress.files-all", total))
    elif progress.files_seen > progress.files_done:
        facts.append(
            Phrase(
                "progress.files-of",
                {"done": Count(progress.files_done), "seen": Count(progress.files_seen)},
            )
        )
    elif progress.files_done:
        facts.append(Phrase("progress.files", {"count": Count(progress.files_done)}))
    if progress.bytes_done:
        facts.append(Phrase("amount", {"amount": Size(progress.bytes_done)}))
    if progress.bytes_per_second:
        facts.append(Phrase("amount", {"amount": Rate(progress.bytes_per_second)}))
    if progress.eta_seconds is not None:
        facts.append(Phrase("progress.eta", {"time": Span(progress.eta_seconds)}))
    else:
        facts.append(Phrase("progress.eta.unknown"))
    return tuple(facts)
