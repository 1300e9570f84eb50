"""Server-sent events arrive in any pieces."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bck_apps.gui.sse import LONGEST_LINE, Event, EventParser

STREAM = (
    ": hello\r\n\r\n"
    'event: status\r\ndata: {"a": 1}\r\n\r\n'
    "event: log\nid: 7\ndata: first\ndata: sécond\n\n"
    "data:no blank\rid\r\r"
    "event: nothing\n\n"
    "id: 9\ndata: x\n\n"
).encode()
EVENTS = [
    Event(name="status", data='{"a": 1}', id=""),
    Event(name="log", data="first\nsécond", id="7"),
    Event(name="message", data="no blank", id=""),
    Event(name="message", data="x", id="9"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_events_do_not_depend_on_how_the_bytes_are_cut(cuts) -> None:
    parser, edges = EventParser(), [0, *sorted(cuts), len(STREAM)]
    events = [event for start, end in itertools.pairwise(edges) for event in parser.feed(STREAM[start:end])]
    assert events == EVENTS


def test_event_that_is_not_whole_is_not_given_out() -> None:
    parser = EventParser()
    assert parser.feed(b"id: 3\ndata: x\n") == []
    assert parser.feed(b"\n") == [Event(name="message", data="x", id="3")]


def test_endless_line_is_refused() -> None:
    with pytest.raises(ValueError, match="no end"):
        EventParser().feed(b"data: " + b"x" * LONGEST_LINE)
