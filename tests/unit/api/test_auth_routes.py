"""Signing in, going on and signing out over HTTP."""

from __future__ import annotations

from base64 import b32decode
from typing import Any

import pytest

from bckcore.domain.access import Role
from bckcore.domain.totp import code_of, step_at
from bckcore.services.throttles import ACCOUNT
from tests.support.api_world import PASSWORD, ApiWorld

NEW = "quite another password"


def login(world: ApiWorld, name: str = "owner", password: str = PASSWORD) -> Any:
    return world.client.post("/auth/login", json={"name": name, "password": password})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def refresh(world: ApiWorld, token: str) -> Any:
    return world.client.post("/auth/refresh", json={"refresh_token": token})


def reads(world: ApiWorld, token: str) -> int:
    return int(world.client.get("/hosts", headers=bearer(token)).status_code)


def test_a_session_is_refreshed_and_an_old_refresh_token_ends_it(world: ApiWorld) -> None:
    first = login(world).json()
    second = refresh(world, first["refresh_token"])
    assert second.status_code == 200
    assert (second.json()["session_id"], second.json()["role"]) == (first["session_id"], "owner")
    assert reads(world, second.json()["access_token"]) == 200
    again = refresh(world, first["refresh_token"])
    assert (again.status_code, again.headers["www-authenticate"]) == (401, "Bearer")
    assert refresh(world, second.json()["refresh_token"]).status_code == 401
    assert reads(world, second.json()["access_token"]) == 401


def test_who_signs_out_is_out_at_once_here_and_nowhere_else(world: ApiWorld) -> None:
    here, there = login(world).json(), login(world).json()
    assert world.client.post("/auth/logout", headers=bearer(here["access_token"])).status_code == 204
    assert reads(world, here["access_token"]) == 401
    assert refresh(world, here["refresh_token"]).status_code == 401
    assert reads(world, there["access_token"]) == 200


def test_people_see_and_end_their_own_sessions_only(world: ApiWorld) -> None:
    mine, theirs = login(world).json(), login(world, "operator").json()
    headers = bearer(mine["access_token"])
    found = world.client.get("/auth/sessions", headers=headers).json()["items"]
    assert [(one["session_id"], one["user"], one["current"]) for one in found] == [
        (mine["session_id"], "owner", True)
    ]
    answers = [
        world.client.delete(f"/auth/sessions/{name}", headers=headers)
        for name in (theirs["session_id"], "absent")
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    told = [answer.text.replace(theirs["session_id"], "absent") for answer in answers]
    assert told[0] == told[1]
    assert reads(world, theirs["access_token"]) == 200
    assert world.client.get("/auth/sessions?everybody=true", headers=headers).status_code == 403


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR])
def test_administrators_and_auditors_see_who_is_signed_in(world: ApiWorld, role: Role) -> None:
    theirs = login(world).json()
    found = world.call("GET", "/auth/sessions?everybody=true", role=role).json()["items"]
    assert {"owner", role.value} == {one["user"] for one in found}
    ended = world.call("DELETE", f"/auth/sessions/{theirs['session_id']}", role=role)
    assert ended.status_code == (204 if role is Role.ADMIN else 404)
    assert reads(world, theirs["access_token"]) == (401 if role is Role.ADMIN else 200)


def test_a_new_password_ends_the_other_sessions(world: ApiWorld) -> None:
    here, there = login(world).json(), login(world).json()
    headers = bearer(here["access_token"])
    body = {"old_password": "wrong password", "new_password": NEW}
    assert world.client.post("/auth/password", headers=headers, json=body).status_code == 403
    body = {"old_password": PASSWORD, "new_password": NEW}
    assert world.client.post("/auth/password", headers=headers, json=body).json() == {"ended": 1}
    assert (reads(world, here["access_token"]), reads(world, there["access_token"])) == (200, 401)
    assert (login(world).status_code, login(world, password=NEW).status_code) == (401, 200)


def test_guessing_is_answered_with_429_and_when_to_come_back(world: ApiWorld) -> None:
    for _ in range(ACCOUNT.free + 1):
        assert login(world, password="wrong password").status_code == 401  # a guess
    told = []
    for name in ("owner", "nobody"):
        for _ in range(ACCOUNT.free + 1):
            login(world, name, "wrong password")
        answer = login(world, name)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        told.append(answer.text)
    assert told[0] == told[1]
    assert '"type":"urn:bck:too-many-attempts"' in told[0]


def test_the_old_password_is_guessed_under_the_same_rule(world: ApiWorld) -> None:
    headers = bearer(login(world).json()["access_token"])
    body = {"old_password": "wrong password", "new_password": NEW}
    found = [
        world.client.post("/auth/password", headers=headers, json=body).status_code
        for _ in range(ACCOUNT.free + 2)
    ]
    assert found == [*[403] * (ACCOUNT.free + 1), 429]


def _code(secret: str, world: ApiWorld) -> str:
    return code_of(b32decode(secret + "=" * (-len(secret) % 8)), step_at(world.clock.now()))


def test_a_second_factor_is_taken_confirmed_used_and_switched_off(world: ApiWorld) -> None:
    token = login(world).json()["access_token"]

    def post(path: str, **body: str) -> Any:
        return world.client.post(f"/auth/totp{path}", headers=bearer(token), json=body)

    assert post("", password="wrong password").status_code == 403
    made = post("", password=PASSWORD).json()
    assert made["uri"].startswith("otpauth://totp/Backup%20Orchestrator:owner?secret=")
    assert post("/confirm", code="000000x").status_code == 403
    confirmed = post("/confirm", code=_code(made["secret"], world))
    codes = confirmed.json()["recovery_codes"]
    assert post("", password=PASSWORD).status_code == 409
    asked = login(world)
    assert (asked.status_code, asked.json()["type"]) == (401, "urn:bck:second-factor-needed")
    body = {"name": "owner", "password": PASSWORD}
    assert world.client.post("/auth/login", json={**body, "code": "000000x"}).status_code == 401
    assert world.client.post("/auth/login", json={**body, "code": codes[0]}).status_code == 200
    world.clock.advance(30)
    code = _code(made["secret"], world)
    again = [world.client.post("/auth/login", json={**body, "code": code}).status_code for _ in range(2)]
    assert again == [200, 401]
    assert post("/disable", code=codes[1]).status_code == 204
    assert login(world).status_code == 200
