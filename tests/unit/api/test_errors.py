"""Errors as problem documents: one for every class of the tree, none with anyone's values in it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bck_apps.api import errors
from bckcore import errors as core
from bckcore.domain.access import Role
from tests.support.api_world import HOST, ApiWorld


def _tree(root: type[core.BckError]) -> Iterator[type[core.BckError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


@pytest.mark.parametrize("cls", sorted(_tree(core.BckError), key=str))
def test_every_error_of_the_core_has_a_status_and_a_title_of_its_own_branch(cls: type[core.BckError]) -> None:
    problem = errors.problem_of(cls("What.", meaning="Meaning.", advice="Advice."))
    assert 400 <= problem.status < 600
    assert problem.type == f"urn:bck:{cls.code}"
    assert (problem.detail, problem.meaning, problem.advice) == ("What.", "Meaning.", "Advice.")
    if cls.__module__ == core.__name__:
        assert cls in errors.KINDS, f"{cls.__name__} has no status of its own"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (core.InvalidInputError("x"), 422),
        (core.NotFoundError("x"), 404),
        (core.ConflictError("x"), 409),
        (core.IllegalTransitionError("x"), 409),
        (core.AccessDeniedError("x"), 403),
        (errors.NotSignedInError("x"), 401),
        (core.PathNotAllowedError("x"), 403),
        (core.StoreBusyError("x"), 503),
    ],
)
def test_statuses_that_clients_rely_on(error: core.BckError, status: int) -> None:
    assert errors.problem_of(error).status == status


def _is_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:bck:{code}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["meaning"]
    assert body["advice"]
    return body


def test_unknown_route_and_wrong_method_are_problem_documents(world: ApiWorld) -> None:
    _is_problem(world.client.get("/nowhere"), 404, "not-found")
    response = world.client.delete("/health")
    _is_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET"


@pytest.mark.parametrize("signed_in", [True, False])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/hosts/"), ("POST", "/backup/start/"), ("GET", "/hosts/pc1/"), ("GET", "//hosts")],
)
def test_a_slash_too_many_sends_nobody_to_the_host_that_the_caller_named(
    world: ApiWorld, method: str, path: str, signed_in: bool
) -> None:
    headers = {"Host": "evil.example", **(world.sign_in(Role.ADMIN) if signed_in else {})}
    url = world.client.base_url.copy_with(raw_path=path.encode())
    response = world.client.request(method, url, headers=headers, follow_redirects=False)
    assert "location" not in response.headers
    assert "evil.example" not in response.text
    assert _is_problem(response, 404, "not-found") == world.client.get("/nowhere").json()


def test_malformed_json_names_the_place(world: ApiWorld) -> None:
    response = world.call("POST", "/hosts", content="{", headers={"Content-Type": "application/json"})
    assert _is_problem(response, 422, "invalid-input")["errors"]


def test_unknown_and_malformed_fields_are_named_and_values_never_repeated(world: ApiWorld) -> None:
    body = {**HOST, "port": "hunter2", "private_key": 7, "passwort": "hunter3"}
    problem = _is_problem(world.call("POST", "/hosts", json=body), 422, "invalid-input")
    fields = {one["field"] for one in problem["errors"]}
    assert fields == {"body.port", "body.private_key", "body.passwort"}
    assert "hunter" not in json.dumps(problem)


def test_text_that_is_no_unicode_is_a_malformed_field(world: ApiWorld) -> None:
    content = '{"profile": "docs", "to": "/r", "paths": ["docs/\\udc80"]}'
    response = world.call(
        "POST", "/restore/start", content=content, headers={"Content-Type": "application/json"}
    )
    _is_problem(response, 422, "invalid-input")


def test_an_unexpected_error_gives_a_number_and_no_insides(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("secret insides")

    world.sign_in(Role.ADMIN)
    monkeypatch.setattr(world.application.hosts, "list", broken)
    response = world.call("GET", "/hosts")
    body = _is_problem(response, 500, "internal")
    assert "incident" in body["detail"]
    assert "secret insides" not in response.text
    assert "ZeroDivision" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"


def test_the_document_knows_problem_documents_and_not_fastapis_own(world: ApiWorld) -> None:
    document = world.client.get("/openapi.json").json()
    assert "Problem" in document["components"]["schemas"]
    text = json.dumps(document)
    assert "HTTPValidationError" not in text
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if status >= "400" and path != "/health/ready":
                    assert "application/problem+json" in answer["content"], (method, path, status)
