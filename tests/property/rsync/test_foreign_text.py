"""Law: nothing that a PC says makes a parser fail, hang, or believe in a path outside the source.

``make fuzz`` runs the same for as long as one likes.
"""

from __future__ import annotations

import io
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bck_adapters.rsync.control import _shown
from bck_adapters.rsync.exit import Ending, error_of
from bck_adapters.rsync.listing import ItemListing, PathRecords, checked_path, unescaped
from bck_adapters.rsync.messages import KEPT_PROBLEMS, MessageReader, as_theirs, naming
from bck_adapters.rsync.output import OutputReader
from bck_adapters.rsync.probing import first_link, seen_paths
from bck_adapters.rsync.push_messages import PushMessages
from bck_adapters.rsync.version import is_patched, parsed_version
from bckcore.domain.paths import rel_path
from bckcore.domain.wording import printable
from bckcore.errors import BckError
from tests.support.foreign_text import CARELESS, TAG, WORDS, chunks, lines, streams

HANG_SECONDS = 5.0
LONG = 1 << 16
"""As long as a line may get before it is cut."""
sizes = st.lists(st.integers(0, 40), max_size=12)


def _messages() -> MessageReader:
    return MessageReader(source_root=b"/home/u/docs", places=(b"/s/c/docs", b"/s/.work/a/1/d"))


def _inside(path: bytes) -> bool:
    return rel_path(path) == path


@given(streams, st.integers(-64, 300))
def test_whatever_is_said_is_classed_and_ends_in_an_error_of_ours_or_none(stream: bytes, code: int) -> None:
    messages = _messages()
    for line in stream.split(b"\n"):
        present = messages.read(line)
        assert present is None or _inside(present)
    assert all(map(_inside, (*messages.unlisted, *messages.vanished)))
    assert len(messages.problems) <= KEPT_PROBLEMS
    assert all(problem.message.isprintable() for problem in messages.problems)
    error = error_of(Ending(code=code, host="pc1", messages=messages))
    if error is not None:
        assert isinstance(error, BckError)
        assert str(error).isprintable()
    messages.count_unknown()
    assert all(problem.message.isprintable() for problem in messages.problems)


@given(streams, sizes, st.booleans(), st.booleans())
def test_standard_output_in_any_pieces_is_taken(
    stream: bytes, sizes: list[int], first_run: bool, limited: bool
) -> None:
    take_output(stream, sizes, first_run=first_run, limited=limited)


@pytest.mark.parametrize("number", range(len(CARELESS)))
def test_a_line_that_looks_right_and_is_not_is_taken(number: int) -> None:
    line = CARELESS[number]
    for first_run in (True, False):
        take_output(line + b"\n" + line, [], first_run=first_run, limited=True)
    messages = _messages()
    messages.read(line)
    error_of(Ending(code=23, host="pc1", messages=messages))
    seen_paths(line)


def take_output(stream: bytes, sizes: list[int], *, first_run: bool, limited: bool) -> None:
    """What rsync writes on standard output, through reader and listing."""
    listing, too_large = io.BytesIO(), io.BytesIO()
    reader = OutputReader(
        source="docs",
        first_run=first_run,
        tag=TAG,
        listing=listing,
        too_large=too_large if limited else None,
    )
    for chunk in chunks(stream, sizes):
        reader.feed(chunk)
        progress = reader.progress()
        assert progress.current_file.isprintable()
        assert progress.percent is None or 0 <= progress.percent <= 100
    reader.feed(b"\n")
    assert reader.stats().files_seen >= 0
    with TemporaryDirectory() as folder:
        items, other = Path(folder) / "items", Path(folder) / "other"
        items.write_bytes(listing.getvalue())
        other.write_bytes(too_large.getvalue())
        assert all(map(_inside, PathRecords(file=other)))
        other.write_bytes(b"")
        kept = ItemListing(items=items, tag=TAG, also_present=other)
        assert all(map(_inside, kept.paths()))
        assert all(_inside(seen.path) for seen in kept.changes())
        assert all(_inside(one.path) for one in kept.foreseen())
        assert kept.count() >= 0


@given(streams)
def test_the_listing_of_a_probe_is_taken(stream: bytes) -> None:
    seen = seen_paths(stream)
    for complete in (True, False):
        assert first_link(("/home", "/home/u", "/home/u/docs"), seen, complete=complete) in (
            None,
            "/home",
            "/home/u",
            "/home/u/docs",
        )


@given(lines)
def test_one_line_is_shown_without_steering_anything(line: bytes) -> None:
    for text in (naming(line, "pc1"), as_theirs(line, "pc1"), _shown(line), printable(str(line))):
        assert text.replace("\n", "").isprintable()
    checked_path(unescaped(line))
    parsed_version(line)
    is_patched(line.decode("utf-8", "replace"))


@given(streams)
def test_what_is_said_during_a_push_is_classed(stream: bytes) -> None:
    messages = PushMessages(target=b"/home/u/docs", staged=frozenset())
    for line in stream.split(b"\n"):
        messages.read(line)


@pytest.mark.parametrize("word", WORDS)
def test_a_line_of_any_word_over_and_over_takes_no_time(word: bytes) -> None:
    line = (word * (LONG // max(1, len(word)) + 1))[:LONG].replace(b"\n", b" ")
    began = time.monotonic()
    quoted = b'rsync: [sender] link_stat "' + line
    for one in (line, quoted, line + b"(13)", quoted + b'" (2)'):
        messages = _messages()
        messages.read(one)
        error_of(Ending(code=12, host="pc1", messages=messages))
        reader = OutputReader(source="docs", first_run=True, tag=TAG, listing=io.BytesIO())
        reader.feed(one + b"\n")
        seen_paths(one)
    assert time.monotonic() - began < HANG_SECONDS
