"""Law: nothing that a PC says makes a parser fail, hang, or believe in a path outside the source.

``make fuzz`` runs the same for as long as one likes.
"""

from __future__ import annotations

import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bck_adapters.rsync.exit import Ending, error_of
from bck_adapters.rsync.output import OutputReader
from bck_adapters.rsync.probing import seen_paths
from tests.support import fuzz_targets as targets
from tests.support.foreign_text import CARELESS, TAG, WORDS, lines, streams

HANG_SECONDS = 5.0
LONG = 1 << 16
"""As long as a line may get before it is cut."""
sizes = st.lists(st.integers(0, 40), max_size=12)


@given(streams, st.integers(-64, 300))
def test_whatever_is_said_is_classed_and_ends_in_an_error_of_ours_or_none(stream: bytes, code: int) -> None:
    targets.classed(stream, code)


@given(streams, sizes, st.booleans(), st.booleans())
def test_standard_output_in_any_pieces_is_taken(
    stream: bytes, sizes: list[int], first_run: bool, limited: bool
) -> None:
    targets.taken(stream, sizes, first_run=first_run, limited=limited)


@given(streams)
def test_the_listing_of_a_probe_is_taken(stream: bytes) -> None:
    targets.probed(stream)


@given(lines)
def test_one_line_is_shown_without_steering_anything(line: bytes) -> None:
    targets.shown(line)


@given(streams)
def test_what_is_said_during_a_push_is_classed(stream: bytes) -> None:
    targets.pushed(stream)


@pytest.mark.parametrize("number", range(len(CARELESS)))
def test_a_line_that_looks_right_and_is_not_is_taken(number: int) -> None:
    line = CARELESS[number]
    for target in targets.TARGETS.values():
        target(line + b"\n" + line)
    targets.taken(line + b"\n" + line, first_run=False)


@pytest.mark.parametrize("word", WORDS)
def test_a_line_of_any_word_over_and_over_takes_no_time(word: bytes) -> None:
    line = (word * (LONG // max(1, len(word)) + 1))[:LONG].replace(b"\n", b" ")
    began = time.monotonic()
    quoted = b'rsync: [sender] link_stat "' + line
    for one in (line, quoted, line + b"(13)", quoted + b'" (2)'):
        messages = targets.messages()
        messages.read(one)
        error_of(Ending(code=12, host="pc1", messages=messages))
        reader = OutputReader(source="docs", first_run=True, tag=TAG, listing=io.BytesIO())
        reader.feed(one + b"\n")
        seen_paths(one)
    assert time.monotonic() - began < HANG_SECONDS
