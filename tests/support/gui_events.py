"""What a server tells of a job while it runs, and a follower that writes it down."""

from __future__ import annotations

import json

from bck_apps.gui.messages import Job, LogLine, Progress
from bck_apps.gui.problems import ClientError


class Heard:
    """A follower that writes down what it hears."""

    def __init__(self) -> None:
        self.lines: list[int] = []
        self.percents: list[int | None] = []
        self.statuses: list[str] = []
        self.lost: list[ClientError] = []
        self.ends: list[Job] = []
        self.failures: list[ClientError] = []

    def on_job(self, job: Job) -> None:
        self.statuses.append(job.status)

    def on_progress(self, progress: Progress) -> None:
        self.percents.append(progress.percent)

    def on_log(self, line: LogLine) -> None:
        self.lines.append(line.number)

    def on_lost(self, error: ClientError) -> None:
        self.lost.append(error)

    def on_end(self, job: Job) -> None:
        self.ends.append(job)

    def on_failed(self, error: ClientError) -> None:
        self.failures.append(error)

    @property
    def over(self) -> bool:
        return bool(self.ends or self.failures)


def event(name: str, data: object, id_: int | None = None) -> bytes:
    """As the server sends it."""
    head = f"id: {id_}\n" if id_ is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def line(number: int) -> bytes:
    """A line of the log, as an event."""
    at = "2026-11-22T12:00:00Z"
    return event("log", {"number": number, "at": at, "level": "info", "text": "perché"}, number)


END = event("end", {})
