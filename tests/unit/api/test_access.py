"""Who may call what: every route of the OpenAPI document demands a permission, but for six."""

from typing import Any

import pytest

from bckcore.domain.access import Role
from tests.support.api_world import PASSWORD, ApiWorld, api_world

OPEN = {
    ("post", "/auth/login"),
    ("post", "/auth/refresh"),
    ("post", "/enrol"),
    ("get", "/ca.pem"),
    ("get", "/health"),
    ("get", "/health/ready"),
}
WORKING = {Role.ADMIN, Role.OPERATOR, Role.OWNER}
METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture(scope="module")
def operations(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, dict[str, Any]]]:
    """All that the document names; it takes a while to make."""
    with api_world(tmp_path_factory.mktemp("document")) as world:
        paths = world.client.get("/openapi.json").json()["paths"]
    return [(method, path, of[method]) for path, of in paths.items() for method in METHODS & of.keys()]


def _path(template: str) -> str:
    return template.replace("{name}", "docs").replace("{job_id}", "j")


def test_every_route_but_login_and_health_refuses_a_caller_without_token(
    world: ApiWorld, operations: list[Any]
) -> None:
    seen = 0
    for method, path, _operation in operations:
        if (method, path) in OPEN:
            continue
        response = world.client.request(method, _path(path), json={})
        assert response.status_code == 401, (method, path, response.text)
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json()["type"] == "urn:bck:access-denied"
        seen += 1
    assert seen >= 20


def test_every_route_but_login_and_health_says_in_the_document_that_it_needs_a_token(
    world: ApiWorld, operations: list[Any]
) -> None:
    silent = {(method, path) for method, path, operation in operations if "security" not in operation}
    assert silent == OPEN


@pytest.mark.parametrize("role", list(Role))
def test_a_role_gets_403_exactly_where_its_permissions_end(
    world: ApiWorld, operations: list[Any], role: Role
) -> None:
    expected = {
        ("get", "/health/database"): {Role.ADMIN},
        ("get", "/audit"): {Role.ADMIN, Role.AUDITOR},
        ("post", "/auth/tokens"): {Role.ADMIN},
        ("delete", "/auth/tokens/{token_id}"): WORKING,
        ("post", "/hosts"): {Role.ADMIN},
        ("put", "/hosts/{name}"): {Role.ADMIN},
        ("delete", "/hosts/{name}"): {Role.ADMIN},
        ("post", "/hosts/{name}/key"): {Role.ADMIN},
        ("post", "/hosts/{name}/enrolment"): {Role.ADMIN},
        ("delete", "/hosts/{name}/enrolment"): {Role.ADMIN},
        ("post", "/profiles"): {Role.ADMIN},
        ("put", "/profiles/{name}"): {Role.ADMIN},
        ("delete", "/profiles/{name}"): {Role.ADMIN},
        ("post", "/profiles/{name}/holds"): {Role.ADMIN},
        ("delete", "/profiles/{name}/holds/{point}"): {Role.ADMIN},
        ("post", "/profiles/{name}/forget"): {Role.ADMIN},
        ("post", "/profiles/{name}/forget/plan"): {Role.ADMIN},
        ("post", "/profiles/{name}/undo"): WORKING,
        ("post", "/profiles/{name}/undo/plan"): WORKING,
        ("post", "/profiles/{name}/accept"): WORKING,
        ("post", "/profiles/{name}/accept/plan"): WORKING,
        ("post", "/hosts/{name}/presence"): WORKING,
        ("post", "/hosts/{name}/probe"): WORKING,
        ("post", "/backup/start"): WORKING,
        ("post", "/backup/cancel/{job_id}"): WORKING,
        ("post", "/check/start"): WORKING,
        ("post", "/backup/preview"): WORKING,
        ("get", "/profiles/{name}/points/{point}/export"): WORKING,
        ("get", "/profiles/{name}/points/{point}/file"): WORKING,
        ("post", "/restore/start"): WORKING,
        ("post", "/restore/preview"): {Role.ADMIN, Role.OPERATOR},
        ("post", "/restore/cancel/{job_id}"): WORKING,
    }
    for method, path, _operation in operations:
        if (method, path) in OPEN or path == "/auth/logout":
            continue
        response = world.call(method, _path(path), role=role, json={})
        allowed = role in expected.get((method, path), set(Role))
        assert (response.status_code != 403) == allowed, (method, path, response.text)


@pytest.mark.parametrize("header", ["Bearer nonsense", "Basic YTpi", "Bearer", "nonsense"])
def test_a_token_that_is_none_of_ours_is_refused(world: ApiWorld, header: str) -> None:
    response = world.client.get("/hosts", headers={"Authorization": header})
    assert response.status_code == 401


def test_an_expired_token_is_refused(world: ApiWorld) -> None:
    assert world.call("GET", "/hosts").status_code == 200
    world.clock.advance(3600)
    assert world.call("GET", "/hosts").status_code == 401


def test_login_gives_a_token_with_name_role_and_expiry(world: ApiWorld) -> None:
    body = world.client.post("/auth/login", json={"name": "viewer", "password": PASSWORD}).json()
    assert (body["token_type"], body["name"], body["role"]) == ("bearer", "viewer", "viewer")
    assert body["expires_at"] > world.clock.now().isoformat()


@pytest.mark.parametrize("name", ["admin", "nobody"])
def test_wrong_name_and_wrong_password_get_the_same_answer(world: ApiWorld, name: str) -> None:
    response = world.client.post("/auth/login", json={"name": name, "password": "wrong password"})
    assert response.status_code == 401
    assert response.json()["detail"] == "The name or the password is wrong."
