"""What is read of an enrolment token is what was written, and one wrong letter is told from a wrong token."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bckcore.domain.enrolment_text import (
    CA_BYTES,
    ID_BYTES,
    SECRET_BYTES,
    TokenParts,
    parsed_token,
    random_parts,
    token_text,
)
from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError

LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


def made(randomness: bytes, authority: bytes) -> TokenParts:
    return random_parts(randomness, authority.hex())


def same(one: TokenParts, other: TokenParts) -> bool:
    return (one.id, one.secret.reveal(), one.ca_sha256) == (other.id, other.secret.reveal(), other.ca_sha256)


@given(
    st.binary(min_size=ID_BYTES + SECRET_BYTES, max_size=ID_BYTES + SECRET_BYTES),
    st.binary(min_size=CA_BYTES, max_size=CA_BYTES),
)
def test_what_was_written_is_read(randomness: bytes, authority: bytes) -> None:
    parts = made(randomness, authority)
    text = token_text(parts).reveal()
    for copied in (text, text.upper(), f" {text}\n", f"{text[:40]}\r\n  {text[40:]}"):
        assert same(parsed_token(Secret(copied)), parts)


def test_every_single_wrong_letter_is_seen_at_once() -> None:
    text = token_text(made(os.urandom(25), os.urandom(32))).reveal()
    for place in range(5, len(text)):
        other = LETTERS[(LETTERS.find(text[place]) + 1) % len(LETTERS)]
        with pytest.raises(InvalidInputError) as caught:
            parsed_token(Secret(text[:place] + other + text[place + 1 :]))
        assert text[5:30] not in str(caught.value)


def test_two_letters_that_changed_places_are_seen() -> None:
    text = token_text(made(bytes(range(25)), bytes(range(32)))).reveal()
    swapped = f"{text[:20]}{text[21]}{text[20]}{text[22:]}"
    assert swapped != text
    with pytest.raises(InvalidInputError, match="mistyped"):
        parsed_token(Secret(swapped))


@given(st.one_of(st.text(st.characters(), max_size=400), st.text("bck1-a2 ", max_size=140)))
def test_any_other_text_is_refused_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parsed_token(Secret(text))


def test_a_token_prints_as_stars() -> None:
    parts = made(bytes(25), bytes(32))
    assert parts.secret.reveal() not in repr(parts)
    assert str(token_text(parts)) == "***"
