"""People and devices by the command line: accounts, sessions, keys, tokens, over a server that runs."""

from __future__ import annotations

from base64 import b32decode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bckcore.domain.totp import code_of, step_at
from bckcore.services.throttles import ACCOUNT, ADDRESS
from tests.support.cli import PASSWORD, Bck
from tests.support.https import Caller

NEW = "quite another password"


@pytest.fixture
def bck(tmp_path: Path) -> Bck:
    made = Bck(tmp_path)
    made.init()
    made.ok("host", "add", "pc1", "--transport", "local", "--allow", str(tmp_path))
    return made


def test_an_installation_has_one_account_with_the_given_password(bck: Bck, tmp_path: Path) -> None:
    assert [one["name"] for one in bck.ok("user", "list")["items"]] == ["ann"]
    other = Bck(tmp_path / "other")
    other.folder.mkdir()
    for text in ("", "\n", "short\n"):
        refused = other.run(
            "init", "--storage", str(other.storage), "--admin", "ann", "--password-stdin", text=text
        )
        assert refused.code != 0
        assert not (other.home / "settings.toml").exists()
    assert other.run("serve").code != 0, "nothing is served before 'bck init'"


def test_sessions_keys_and_tokens_over_a_server_that_runs(bck: Bck) -> None:
    bck.ok("user", "add", "bob", "--role", "owner", "--password-stdin", text=PASSWORD + "\n")
    assert bck.ok("host", "set", "pc1", "--owner", "bob")["owners"] == ["bob"]
    device = bck.ok("token", "add", "pc1", "--name", "laptop")
    unsealed = bck.home / "token-key.pem"
    unsealed.write_text("as an older version left it")
    with bck.serving() as (_, served):
        assert not unsealed.exists()
        assert {path.name for path in bck.home.glob("token-key*")} == {"token-key.pub"}
        call = Caller(served)
        status, bob = call("/auth/login", name="bob", password=PASSWORD)
        assert status == 200
        token = bob["access_token"]
        assert [one["name"] for one in call("/hosts", token)[1]["items"]] == ["pc1"]
        bck.ok("host", "set", "pc1", "--no-owner")
        assert call("/hosts", token)[1]["items"] == []
        assert bck.ok("user", "rotate-key")["key"] != ""
        assert call("/hosts", token)[0] == 200
        bck.ok("user", "rotate-key", "--now")
        assert call("/hosts", token)[0] == 401
        token = call("/auth/refresh", refresh_token=bob["refresh_token"])[1]["access_token"]
        (session,) = bck.ok("user", "sessions", "bob")["items"]
        assert session["session_id"] == bob["session_id"]
        assert bck.ok("user", "set", "bob", "--role", "auditor")["role"] == "auditor"
        assert [one["name"] for one in call("/hosts", token)[1]["items"]] == ["pc1"]
        assert bck.ok("user", "revoke", session["session_id"])["ended"] == 1
        assert call("/hosts", token)[0] == 401
        assert call("/hosts", device["token"])[0] == 403
        assert call("/backup/start", device["token"], profile="absent")[0] == 404
        assert bck.ok("token", "revoke", device["token_id"])["revoked"]
        assert call("/backup/start", device["token"], profile="absent")[0] == 401


def test_a_second_factor_without_a_client_that_can_ask_for_it(bck: Bck) -> None:
    assert bck.ok("user", "totp", "nobody", code=4)["error"]["code"] == "not-found"
    assert bck.ok("user", "totp-confirm", "ann", text="123456\n", code=5)["error"]["code"] == "conflict"
    made = bck.ok("user", "totp", "ann")
    assert made["secret"] in made["uri"]
    assert (
        bck.ok("user", "totp-confirm", "ann", text="nonsense\n", code=5)["error"]["code"] == "access-denied"
    )
    assert not bck.ok("user", "list")["items"][0]["second_factor"]
    code = code_of(b32decode(made["secret"]), step_at(datetime.now(UTC)))
    recovery = bck.ok("user", "totp-confirm", "ann", text=code + "\n")["recovery_codes"]
    assert bck.ok("user", "list")["items"][0]["second_factor"]
    assert bck.ok("user", "totp", "ann", code=5)["error"]["code"] == "conflict"
    with bck.serving() as (_, served):
        call = Caller(served)
        assert call("/auth/login", name="ann", password=PASSWORD)[0] == 401
        assert call("/auth/login", name="ann", password=PASSWORD, code=recovery[0])[0] == 200
    assert made["secret"] not in bck.run("audit", "list", "--json").out
    bck.ok("user", "totp-off", "ann")
    assert "bck user totp-confirm ann" in bck.run("user", "totp", "ann").out


def test_a_forgotten_password_a_lockout_and_a_farewell(bck: Bck) -> None:
    bck.ok("user", "add", "bob", "--role", "viewer", "--password-stdin", text=PASSWORD + "\n")
    with bck.serving() as (_, served):
        call = Caller(served)
        codes = [call("/auth/login", name="bob", password="wrong")[0] for _ in range(ACCOUNT.free + 8)]
        assert set(codes) == {401, 429}
        assert bck.ok("user", "unlock", "bob")["forgotten"] == 1
        for number in range(ADDRESS.free):
            call("/auth/login", name=f"nobody{number}", password="wrong")
        assert call("/auth/login", name="bob", password=PASSWORD)[0] == 429
        for wrong in ((), ("bob", "--address", "127.0.0.1"), ("--address", "bob")):
            assert bck.ok("user", "unlock", *wrong, code=2)["error"]["code"] == "invalid-input"
        freed = bck.ok("user", "unlock", "--address", "127.0.0.1")
        assert freed == {"address": "127.0.0.1", "forgotten": 1}
        bob = call("/auth/login", name="bob", password=PASSWORD)[1]
        assert bck.ok("user", "password", "bob", "--password-stdin", text=NEW + "\n")["ended"] == 1
        assert call("/hosts", bob["access_token"])[0] == 401
        assert call("/auth/login", name="bob", password=NEW)[0] == 200
        assert bck.ok("user", "remove", "bob") == {"removed": "bob"}
        assert call("/auth/login", name="bob", password=NEW)[0] == 401
    assert bck.ok("user", "sessions")["items"] == []
    assert bck.ok("user", "remove", "ann", code=5)["error"]["code"] == "conflict"
    assert bck.ok("user", "revoke", code=2)["error"]["code"] == "invalid-input"
    tables = [bck.run(*words) for words in (("user", "sessions"), ("token", "list"), ("user", "list"))]
    assert [done.code for done in tables] == [0, 0, 0]
