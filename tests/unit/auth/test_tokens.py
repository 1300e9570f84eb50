"""Only our own, unexpired tokens let anybody in."""

import base64
import json
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bck_adapters.auth import JwtTokens
from bck_adapters.memory import MemoryVault
from bckcore.domain.ids import SessionId
from bckcore.domain.secret import Secret
from bckcore.domain.session import Pass
from bckcore.errors import AccessDeniedError

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ANNA = Pass(name="anna", session=SessionId("s1"))


@pytest.fixture
def vault():
    return MemoryVault()


@pytest.fixture
def tokens(tmp_path, vault):
    return JwtTokens(tmp_path, vault, lifetime_minutes=15)


def test_an_issued_token_names_its_principal_until_it_expires(tokens):
    token, expires = tokens.issue(ANNA, now=NOW)
    assert expires == NOW + timedelta(minutes=15)
    assert tokens.check(token, now=expires - timedelta(seconds=1)) == ANNA
    with pytest.raises(AccessDeniedError):
        tokens.check(token, now=expires)


def test_the_key_outlives_the_process(tokens, tmp_path, vault):
    token, _ = tokens.issue(ANNA, now=NOW)
    assert JwtTokens(tmp_path, vault).check(token, now=NOW) == ANNA


def test_a_token_of_another_installation_is_refused(tokens, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    token, _ = JwtTokens(other, MemoryVault()).issue(ANNA, now=NOW)
    with pytest.raises(AccessDeniedError):
        tokens.check(token, now=NOW)


def _part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _claims(token):
    return jwt.decode(token, options={"verify_signature": False})


def test_tokens_that_are_unsigned_altered_or_nonsense_are_refused(tokens):
    token = tokens.issue(ANNA, now=NOW)[0].reveal()
    header, body, signature = token.split(".")
    admin = _part(_claims(token) | {"sub": "admin"})
    forged = [
        "",
        "a.b.c",
        "\udcff",
        f"{_part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{header}.{admin}.{signature}",
        jwt.encode(_claims(token), "a shared secret of thirty-two bytes!", algorithm="HS256"),
    ]
    for text in forged:
        with pytest.raises(AccessDeniedError):
            tokens.check(Secret(text), now=NOW)


@pytest.mark.parametrize(
    "change", [{"aud": "other"}, {"iss": "other"}, {"exp": None}, {"sid": None}, {"jti": None}]
)
def test_a_signed_token_with_wrong_claims_is_refused(tokens, change):
    good = tokens.issue(ANNA, now=NOW)[0].reveal()
    claims = _claims(good) | change
    kept = {name: value for name, value in claims.items() if value is not None}
    name, key = tokens._ring.current()
    assert tokens.check(Secret(jwt.encode(_claims(good), key, "EdDSA", {"kid": name})), now=NOW) == ANNA
    token = jwt.encode(kept, key, algorithm="EdDSA", headers={"kid": name})
    with pytest.raises(AccessDeniedError):
        tokens.check(Secret(token), now=NOW)


def test_the_name_of_a_key_leads_to_no_other_file(tokens, tmp_path):
    """The header is not signed: who forges a token chooses it."""
    token = tokens.issue(ANNA, now=NOW)[0].reveal()
    mine = Ed25519PrivateKey.generate()
    pem = mine.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / f"token-key.{'0' * 16}.until-99999999999.pub").write_bytes(pem)
    (tmp_path / "evil.pub").write_bytes(pem)
    for name in ("../evil", "evil.pub", "*", "", "0" * 16, None):
        forged = jwt.encode(_claims(token), mine, "EdDSA", {} if name is None else {"kid": name})
        with pytest.raises(AccessDeniedError):
            tokens.check(Secret(forged), now=NOW)


def test_another_process_notices_a_changed_key_and_takes_tokens_of_both(tokens, tmp_path, vault):
    other = JwtTokens(tmp_path, vault, lifetime_minutes=15)
    old, expires = tokens.issue(ANNA, now=NOW)
    other.rotate(now=NOW)
    young, _ = tokens.issue(ANNA, now=NOW)
    assert _kid(young) != _kid(old)
    for one in (tokens, other):
        assert one.check(old, now=NOW) == one.check(young, now=NOW) == ANNA
        with pytest.raises(AccessDeniedError):
            one.check(old, now=expires)


def test_of_a_retired_key_only_the_public_half_stays_and_not_for_ever(tokens, tmp_path):
    _, expires = tokens.issue(ANNA, now=NOW)
    tokens.rotate(now=NOW)
    (retired,) = tmp_path.glob("token-key.*.pub")
    assert b"PRIVATE" not in retired.read_bytes()
    tokens.rotate(now=expires)
    assert not retired.exists()


def _kid(token):
    return jwt.get_unverified_header(token.reveal())["kid"]
