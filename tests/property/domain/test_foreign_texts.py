"""Law: whatever a file, a client, a server or a person says is taken, or refused by an error of ours.

``make fuzz`` runs the same for as long as one likes.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bck_apps.gate.config import GateConfig, parsed_config
from bck_apps.gate.enrolling.answer import parsed_answer
from bck_apps.gate.refusal import GateBrokenError
from bck_apps.gui.config import parsed_config as client_config
from bckcore.domain.host_platform import Platform
from tests.support import fuzz_texts as targets
from tests.support.fuzz_seeds import ANSWER, CONFIG, DEEP, GATE, SEEDS

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def changed(whole: bytes) -> st.SearchStrategy[bytes]:
    """The document with one entry of another value, or with bytes of it replaced."""
    document = json.loads(whole)
    names = st.sampled_from([*document, "password", "$schema", "x"])
    entries = st.tuples(names, VALUES).map(lambda entry: json.dumps(document | dict([entry])).encode())
    return entries | spoilt(whole)


def spoilt(whole: bytes) -> st.SearchStrategy[bytes]:
    """The text with a piece replaced by any bytes."""
    places = st.tuples(st.integers(0, len(whole)), st.integers(0, 9), st.binary(max_size=6))
    return places.map(lambda cut: whole[: cut[0]] + cut[2] + whole[cut[0] + cut[1] :])


@given(st.binary(max_size=60) | changed(CONFIG))
def test_config_json_is_taken_or_refused(text: bytes) -> None:
    targets.client_configured(text)


@given(st.binary(max_size=60) | spoilt(GATE))
def test_the_configuration_of_a_gate_is_taken_or_refused(text: bytes) -> None:
    targets.gate_configured(text)


@given(st.binary(max_size=60) | changed(ANSWER))
def test_the_answer_to_a_token_is_taken_or_refused(text: bytes) -> None:
    targets.answered(text)


@given(st.data())
def test_any_parser_takes_or_refuses_what_is_nearly_right(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(targets.TEXT_TARGETS)))
    targets.TEXT_TARGETS[name](data.draw(st.sampled_from(SEEDS).flatmap(spoilt)))


@pytest.mark.parametrize("name", targets.TEXT_TARGETS)
def test_what_is_nested_without_end_is_refused_as_anything_else(name: str) -> None:
    for text in (*DEEP, *SEEDS):
        targets.TEXT_TARGETS[name](text)


def test_the_seeds_are_taken_so_that_a_search_from_them_goes_deep() -> None:
    assert client_config(CONFIG, Path("config.json")).profiles[0].name == "docs"
    answer = parsed_answer(json.loads(ANSWER), Platform.POSIX)
    assert len(answer.lines("/usr/bin/bck-gate")) == 1

    assert isinstance(parsed_config(GATE, "x", Platform.POSIX), GateConfig)


def test_a_configuration_of_a_gate_that_is_too_long_is_refused_whole_and_never_cut() -> None:
    text = b'read = ["/home/u"]\n' + b"# x\n" * (16 << 10) + b"confine = false\n"
    with pytest.raises(GateBrokenError, match="larger than"):
        parsed_config(text, "/etc/bck-gate.toml", Platform.POSIX)
