"""Whatever is sent for a token, a code, a name or an address: it is refused, and nothing else happens."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bck_adapters.auth import JwtTokens
from bck_adapters.memory import MemoryVault
from bckcore.domain.secret import Secret
from bckcore.domain.throttle import (
    account_key,
    address_key,
    address_of,
    known_key,
    known_network_key,
    network_key,
    network_keys,
    network_of,
)
from bckcore.domain.totp import matching_step
from bckcore.errors import AccessDeniedError
from tests.support.doors import HOME, Door

NOW = datetime(2030, 1, 1, tzinfo=UTC)
TEXT = st.text(st.characters(), max_size=80)
PARTS = st.lists(st.sampled_from(["eyJ", "e30", "", "A" * 43, "bckr_", "bckd_", "é"]), max_size=6).map(
    ".".join
)


@pytest.fixture(scope="module")
def tokens() -> JwtTokens:
    return JwtTokens(Path(tempfile.mkdtemp()), MemoryVault())


@given(st.one_of(TEXT, PARTS))
@example("eyJhbGciOiJub25lIn0.e30.")
@example("eyJraWQiOiIuLi8uLi9ldGMvcGFzc3dkIn0.e30.e30")
def test_no_text_is_an_access_token(tokens: JwtTokens, text: str) -> None:
    with pytest.raises(AccessDeniedError):
        tokens.check(Secret(text), now=NOW)


@given(st.one_of(TEXT, PARTS))
def test_no_text_is_a_refresh_or_a_device_token_or_ends_a_session(text: str) -> None:
    door = Door()
    signed_in = door.sign_in()
    for step in (
        lambda: door.sessions.refresh(Secret(text), HOME),
        lambda: door.devices.principal_of(Secret(text)),
        lambda: door.sessions.principal_of(Secret(text)),
    ):
        with pytest.raises(AccessDeniedError):
            step()
    assert door.sessions.principal_of(signed_in.token).name == "ada"


@given(TEXT)
def test_a_code_is_six_digits_or_none(text: str) -> None:
    found = matching_step(b"12345678901234567890", text, NOW, after=0)
    digits = text.replace(" ", "")
    assert found is None or (len(digits) == 6 and digits.isascii() and digits.isdigit())


@given(TEXT, TEXT)
def test_keys_of_throttles_fit_their_column_whatever_is_typed(name: str, address: str) -> None:
    keys = (known_key(name, address, "password"), known_network_key(name, address, "password"))
    for key in (account_key(name, "password"), *keys, address_key("password", address)):
        assert len(key) <= 160
        assert key.isascii()
        assert key.isprintable()
    assert network_of(network_of(address).partition("/")[0]) in {network_of(address), "unknown"}


@given(st.ip_addresses(v=4).map(str))
def test_an_address_that_was_mapped_to_ipv6_is_the_same(address: str) -> None:
    assert network_of(f"::ffff:{address}") == network_of(address) == address
    assert address_of(f"::ffff:{address}") == address
    assert address_key("login", address) == network_key("login", address)


@given(st.ip_addresses(v=6).map(str), st.ip_addresses(v=6).map(str))
def test_the_keys_of_a_network_begin_those_of_its_addresses_and_of_no_others(one: str, other: str) -> None:
    for address in (one, other):
        is_inside = network_of(address) == network_of(one)
        assert address_key("login", address).startswith(network_keys("login", one)) == is_inside
