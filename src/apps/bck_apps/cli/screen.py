"""What is printed: one JSON document, or short text for people. Never fails over odd file names."""

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from bck_apps.cli.documents import error_document
from bckcore.domain.job import JobResult
from bckcore.domain.wording import printable
from bckcore.errors import BckError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

PIPE_WIDTH = 240
"""Columns where no terminal limits them: names and paths stay whole for grep."""

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]

_STYLES = {
    "succeeded": "green",
    "yes": "green",
    "ok": "green",
    "partial": "yellow",
    "suspect": "bold yellow",
    "weak": "yellow",
    "extra": "cyan",
    "failed": "bold red",
    "BAD": "bold red",
    "no": "red",
    "cancelled": "magenta",
    "offline": "blue",
    "held-off": "blue",
    "running": "cyan",
}


def safe_streams() -> None:
    """What the terminal's encoding cannot show is escaped instead of being an error.

    Log lines that nobody configured, which go to standard error, do not steer the terminal either.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Printable())


class _Printable(logging.Formatter):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with everything escaped that is no text."""
        return printable(super().format(record))


def console(file: TextIO | None = None) -> "Console":
    """A console that takes texts as they are: no markup, no highlighting."""
    from rich.console import Console

    stream = file or sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(file=stream, markup=False, highlight=False, emoji=False, soft_wrap=False, width=width)


def show(as_json: bool, document: Mapping[str, object], human: "Callable[[], RenderableType | None]") -> None:
    """Print the document, or what ``human`` makes of it."""
    if as_json:
        print(json.dumps(document, indent=2, allow_nan=False), flush=True)
        return
    drawn = human()
    if drawn is not None:
        screen = console()
        with screen.capture() as captured:
            screen.print(drawn)
        # Columns are padded to their width; nobody wants blanks at the end of lines.
        lines = captured.get().rstrip().splitlines()
        print("\n".join(line.rstrip() for line in lines), flush=True)


def say(text: str) -> None:
    """A remark for people, on standard error; nothing in it steers the terminal."""
    print(printable(text), file=sys.stderr, flush=True)


def put(text: str) -> None:
    """A line of text on standard output; nothing in it steers the terminal."""
    print(printable(text), flush=True)


def show_error(error: BckError, *, as_json: bool) -> None:
    """Three parts on standard error; under --json also a document on standard output."""
    if as_json:
        print(json.dumps(error_document(error), indent=2))
    say(error_text(error))


def error_text(error: BckError) -> str:
    """What happened, what it means, what to do; parts that are empty are left out."""
    return _three_lines(error.what, error.meaning, error.advice)


def show_job_error(result: JobResult) -> None:
    """Why a job did not end well, in the same three parts, on standard error; nothing if it did."""
    if result.error:
        say(_three_lines(result.error, result.meaning, result.advice))


def _three_lines(what: str, meaning: str, advice: str) -> str:
    rows = (("error: ", what), ("means: ", meaning), ("do:    ", advice))
    return "\n".join(f"{label}{text}" for label, text in rows if text)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> "RenderableType":
    """A table; heads that end in ``>`` are aligned right. ``empty`` is shown when there is no row."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        drawn.add_column(head.rstrip(">"), justify="right" if head.endswith(">") else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(_cell(cell) for cell in row))
    return drawn if drawn.row_count else Text(empty)


def fields(pairs: Iterable[tuple[str, object]]) -> "RenderableType":
    """Names and values, one a line; values that are empty are left out."""
    from rich.table import Table

    drawn = Table.grid(padding=(0, 2))
    drawn.add_column(style="bold", no_wrap=True)
    drawn.add_column(overflow="fold")
    for name, value in pairs:
        if value not in ("", None):
            drawn.add_row(name, _cell(value))
    return drawn


def _cell(value: object) -> "Text":
    """A value with its colour. The terminal gets our own colours and nothing that steers it."""
    from rich.text import Text

    text = printable(str(value))
    return Text(text, style=_STYLES.get(text, ""))


def yes_no(value: bool) -> str:
    """A truth for people."""
    return "yes" if value else "no"
