"""What the demonstration shows: steps, a progress bar with log lines above it, and the summary."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


class _Moved(ProgressColumn):
    """Files, bytes and speed so far; nothing is made up that is not known."""

    def render(self, task: Task) -> Text:
        """One task's figures."""
        progress = task.fields["progress"]
        parts = [progress["phase"] or task.fields["status"]]
        if progress["files_done"] or progress["files_seen"]:
            parts.append(f"{progress['files_done'] or progress['files_seen']:,} files")
        if progress["bytes_done"]:
            parts.append(size(progress["bytes_done"]))
        if progress["bytes_per_second"]:
            parts.append(f"{size(progress['bytes_per_second'])}/s")
        return Text(", ".join(parts))


class Screen:
    """Writes to standard output; without a terminal, plain lines."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, emoji=False, markup=False)
        self._step = 0
        self._last_phase = ""
        self._started = time.monotonic()

    def title(self, text: str) -> None:
        """The very first line."""
        self._console.print(text, style="bold")

    def step(self, text: str) -> None:
        """A new chapter."""
        self._step += 1
        self._console.print(f"\n{self._step}. {text}", style="bold cyan")

    def line(self, text: str, style: str = "") -> None:
        """One line below the step."""
        self._console.print(Text(f"   {text}", style=style), soft_wrap=True)

    def good(self, text: str) -> None:
        """One line about something that is as it should be."""
        self.line(f"✓ {text}", style="green")

    def bad(self, text: str) -> None:
        """One line about something that is not."""
        self.line(f"✗ {text}", style="bold red")

    def follow(self, events: Iterable[tuple[str, Any]]) -> Any:
        """Show a job's events as they come; gives the job of the ``end`` event, or None without one."""
        bar = Progress(
            TextColumn("  "),
            SpinnerColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f} %"),
            _Moved(table_column=Column(no_wrap=True)),
            console=self._console,
            transient=True,
        )
        nothing = {"phase": "", "files_done": 0, "files_seen": 0, "bytes_done": 0, "bytes_per_second": None}
        self._last_phase = ""
        with bar:
            task = bar.add_task("", total=None, progress=nothing, status="")
            for name, data in events:
                if name == "log":
                    self.line(f"{data['at'][11:19]} {data['level']:<7} {data['text']}", style="dim")
                elif name == "status":
                    bar.update(task, status=data["status"])
                    self.line(f"job {data['job_id'][:8]} is {data['status']}", style="dim")
                elif name == "progress":
                    self._phase(data)
                    total = None if data["percent"] is None else 100
                    bar.update(task, total=total, completed=data["percent"] or 0, progress=data)
                elif name == "end":
                    return data
        return None

    def _phase(self, progress: dict[str, Any]) -> None:
        phase = " ".join(part for part in (progress["phase"], progress["source"]) if part)
        if phase and phase != self._last_phase:
            self._last_phase = phase
            self.line(phase, style="dim")

    def table(self, rows: Iterable[tuple[str, str]]) -> None:
        """Names and values; a long value is not broken, so that it can be copied."""
        listed = list(rows)
        width = max(len(name) for name, _ in listed)
        for name, value in listed:
            line = Text.assemble("   ", (name.ljust(width), "bold"), "  ", value)
            self._console.print(line, soft_wrap=True)

    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._started


def shortened(lines: list[str], most: int) -> Iterator[str]:
    """The first lines, and how many more there are."""
    yield from lines[:most]
    if len(lines) > most:
        yield f"… and {len(lines) - most} more"
