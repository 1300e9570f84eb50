"""What a PC answers to `bck-gate probe` is read with distrust."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bck_adapters.rsync.gate_answer import GateAnswer, parsed_gate_answer

GOOD = {"bck_gate": 1, "version": "0.1.0", "rsync": "3.2.7", "read": ["/home/u"]}


def test_an_answer_is_read() -> None:
    assert parsed_gate_answer(json.dumps(GOOD)) == GateAnswer(version="0.1.0", rsync="3.2.7")
    packed = GOOD | {"rsync_package": "3.2.7-1+deb12u2"}
    assert parsed_gate_answer(json.dumps(packed)) == GateAnswer(
        version="0.1.0", rsync="3.2.7", rsync_package="3.2.7-1+deb12u2"
    )
    for odd in ("", "a b", 7, None):
        told = parsed_gate_answer(json.dumps(GOOD | {"rsync_package": odd}))
        assert told == GateAnswer(version="0.1.0", rsync="3.2.7")


@pytest.mark.parametrize(
    "change",
    [
        {"bck_gate": 2},
        {"bck_gate": None},
        {"version": "0.1\n"},
        {"version": "\x1b[2J"},
        {"version": 1},
        {"rsync": ""},
        {"rsync": "3.2"},
        {"rsync": [3, 2, 7]},
        {"rsync": "3.2.7\n"},
    ],
)
def test_a_strange_answer_is_none(change: dict[str, object]) -> None:
    assert parsed_gate_answer(json.dumps(GOOD | change)) is None


@given(st.text(max_size=50) | st.sampled_from(["[" * 60_000, "{}", "[]", "1", "null", '"x"', "x" * 70_000]))
def test_any_text_is_an_answer_or_none(text: str) -> None:
    assert parsed_gate_answer(text) is None
