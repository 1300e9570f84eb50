"""The audit log over HTTP: what is done through the API is entered with who did it and from where."""

from __future__ import annotations

from typing import Any

import pytest

from bckcore.domain.access import Role
from bckcore.domain.secret import Secret
from bckcore.domain.totp import code_of, step_at
from bckcore.services.second_factor import secret_ref
from tests.support.api_world import PASSWORD, ApiWorld

T = 1_700_000_000 * 10**9
CLIENT = "testclient"


@pytest.fixture
def filled(world: ApiWorld) -> ApiWorld:
    """A host, a profile and a point of it."""
    world.application.storage.prepare()
    world.prepare()
    world.pcs["pc1"].source("/home/u/docs").write(b"a", b"data", T)  # type: ignore[index]  # a name is text
    world.start()
    world.carry_out()
    return world


def entries(world: ApiWorld, **query: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.call("GET", "/audit", params=query).json()["items"]
    return found


def last(world: ApiWorld, action: str) -> dict[str, Any]:
    return [one for one in entries(world, limit=1000) if one["action"] == action][-1]


def test_signing_in_is_entered_and_so_is_its_refusal(world: ApiWorld) -> None:
    world.sign_in(Role.VIEWER)
    done = last(world, "login")
    session = done["about"].pop("session")
    assert (done["outcome"], done["about"]) == ("done", {"user": "admin", "role": "admin"})
    assert session in {one.id for one in world.application.sessions.list("admin")}
    for name in ("viewer", "a typed password"):
        world.client.post("/auth/login", json={"name": name, "password": "wrong wrong wrong"})
    refused = [one for one in entries(world, limit=1000) if one["outcome"] == "refused"]
    assert [one["about"]["user"] for one in refused] == ["viewer", "(no account)"]
    assert {(one["origin"], one["address"], one["who"]) for one in refused} == {("api", CLIENT, "")}


def test_what_a_stolen_session_cannot_prove_is_entered(world: ApiWorld) -> None:
    """The attack: who has a session tries passwords and codes, to take the account for good."""
    world.sign_in(Role.VIEWER)
    new = {"old_password": "guessed guessed", "new_password": "another long password"}
    tries = [("password", new), ("totp", {"password": "guessed guessed"})]
    assert world.call("POST", "/auth/totp", role=Role.VIEWER, json={"password": PASSWORD}).status_code == 200
    tries += [("totp/confirm", {"code": "000000x"})]
    for route, body in tries:
        assert world.call("POST", f"/auth/{route}", role=Role.VIEWER, json=body).status_code == 403
    world.application.container.second_factors().confirm("viewer", _code(world))
    off = world.call("POST", "/auth/totp/disable", role=Role.VIEWER, json={"code": "000000x"})
    assert off.status_code == 403
    refused = [one for one in entries(world, limit=1000) if one["outcome"] == "refused"]
    assert [(one["action"], one["who"], one["about"]["user"], one["about"]["wrong"]) for one in refused] == [
        ("user-changed", "viewer", "viewer", wrong) for wrong in ("password", "password", "code", "code")
    ]
    assert "guessed" not in str(refused)


def _code(world: ApiWorld) -> Secret[str]:
    """What the phone shows now."""
    secret = bytes.fromhex(world.application.container.bare_vault().get(secret_ref("viewer")).reveal())
    return Secret(code_of(secret, step_at(world.clock.now())))


def test_who_is_sent_away_to_wait_cannot_fill_the_log(world: ApiWorld) -> None:
    codes = []
    for _ in range(40):
        codes.append(
            world.client.post("/auth/login", json={"name": "viewer", "password": "wrong wrong"}).status_code
        )
    refused = [one for one in entries(world, limit=1000) if one["outcome"] == "refused"]
    assert codes.count(429) > 20
    assert len(refused) == codes.count(401)


def test_each_end_of_a_session_is_entered(world: ApiWorld) -> None:
    world.sign_in(Role.VIEWER)
    assert world.application.sessions.revoke_all("viewer", by="admin") == 1
    ended = last(world, "logout")["about"]
    assert (ended["user"], ended["why"]) == ("viewer", "revoked by admin")


def test_what_a_person_does_bears_their_name_and_address(filled: ApiWorld) -> None:
    for action, about in (
        ("host-added", {"host": "pc1"}),
        ("profile-added", {"profile": "docs"}),
        ("job-start", {"profile": "docs", "kind": "backup"}),
    ):
        entry = last(filled, action)
        assert (entry["who"], entry["origin"], entry["address"]) == ("admin", "api", CLIENT)
        assert about.items() <= entry["about"].items()
    ended = last(filled, "job-end")
    assert (ended["who"], ended["origin"], ended["outcome"]) == ("admin", "runner", "done")


def test_every_way_out_and_every_act_is_entered(filled: ApiWorld) -> None:
    point = "/profiles/docs/points/latest"
    operator = Role.OPERATOR
    assert filled.call("GET", f"{point}/file", params={"path": "docs/a"}, role=operator).status_code == 200
    assert filled.call("GET", f"{point}/export", role=operator).status_code == 200
    held = filled.call("POST", "/profiles/docs/holds", json={"point": "latest", "reason": "court"})
    assert held.status_code == 201, held.text
    job = filled.start()
    assert filled.call("POST", f"/backup/cancel/{job}", role=operator).status_code == 200
    assert last(filled, "download")["about"]["path"] == "docs/a"
    for action in ("download", "export", "job-cancel"):
        assert last(filled, action)["who"] == "operator"
    assert last(filled, "hold")["about"]["reason"] == "court"
    assert filled.application.evidence.proof().ok


def test_the_log_comes_in_parts_and_only_to_administrators(filled: ApiWorld) -> None:
    whole = entries(filled, limit=1000)
    assert [one["number"] for one in whole] == list(range(1, len(whole) + 1))
    part = filled.call("GET", "/audit", params={"after": 2, "limit": 3}).json()
    assert ([one["number"] for one in part["items"]], part["next"]) == ([3, 4, 5], "5")
    assert filled.call("GET", "/audit", params={"after": len(whole)}).json() == {"items": [], "next": None}
    for role in (Role.OPERATOR, Role.VIEWER):
        assert filled.call("GET", "/audit", role=role).status_code == 403
    assert filled.client.get("/audit").status_code == 401
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert filled.call(method, "/audit").status_code == 405


def test_no_password_is_ever_in_it(filled: ApiWorld) -> None:
    filled.client.post("/auth/login", json={"name": PASSWORD, "password": "x" * 20})
    assert PASSWORD not in filled.call("GET", "/audit", params={"limit": 1000}).text
