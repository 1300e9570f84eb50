"""Only our own, unexpired tokens let anybody in."""

import base64
import json
import os
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from bck_adapters.auth import JwtTokens
from bckcore.domain.access import Principal, Role
from bckcore.domain.secret import Secret
from bckcore.errors import AccessDeniedError, StorageError

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ANNA = Principal(name="anna", role=Role.OPERATOR)


@pytest.fixture
def tokens(tmp_path):
    return JwtTokens(tmp_path, lifetime_minutes=15)


def test_an_issued_token_names_its_principal_until_it_expires(tokens):
    token, expires = tokens.issue(ANNA, now=NOW)
    assert expires == NOW + timedelta(minutes=15)
    assert tokens.check(token, now=expires - timedelta(seconds=1)) == ANNA
    with pytest.raises(AccessDeniedError):
        tokens.check(token, now=expires)


def test_the_key_is_private_and_outlives_the_process(tokens, tmp_path):
    token, _ = tokens.issue(ANNA, now=NOW)
    (key,) = tmp_path.iterdir()
    assert key.stat().st_mode & 0o777 == 0o600
    assert JwtTokens(tmp_path).check(token, now=NOW) == ANNA


def test_a_token_of_another_installation_is_refused(tokens, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    token, _ = JwtTokens(other).issue(ANNA, now=NOW)
    with pytest.raises(AccessDeniedError):
        tokens.check(token, now=NOW)


def _part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _claims(token):
    return jwt.decode(token, options={"verify_signature": False})


def test_tokens_that_are_unsigned_altered_or_nonsense_are_refused(tokens):
    token = tokens.issue(ANNA, now=NOW)[0].reveal()
    header, body, signature = token.split(".")
    admin = _part(_claims(token) | {"role": "admin"})
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


@pytest.mark.parametrize("change", [{"aud": "other"}, {"iss": "other"}, {"exp": None}, {"role": "root"}])
def test_a_signed_token_with_wrong_claims_is_refused(tokens, change):
    claims = _claims(tokens.issue(ANNA, now=NOW)[0].reveal()) | change
    kept = {name: value for name, value in claims.items() if value is not None}
    token = jwt.encode(kept, tokens._key, algorithm="EdDSA")
    with pytest.raises(AccessDeniedError):
        tokens.check(Secret(token), now=NOW)


@pytest.mark.parametrize("spoil", ["open", "text"])
def test_a_key_that_others_can_read_or_that_is_none_is_not_used(tokens, tmp_path, spoil):
    (key,) = tmp_path.iterdir()
    if spoil == "open":
        os.chmod(key, 0o644)
    else:
        key.write_text("no key")
    with pytest.raises(StorageError):
        JwtTokens(tmp_path)
