"""A hostile owner: whatever route is called with another owner's real names, it is as if there were none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bckcore.domain.access import Role
from tests.support.neighbours import MARK, Neighbours, neighbours
from tests.support.routes import every_route, named


@pytest.fixture
def two(quick_dir: Path) -> Iterator[Neighbours]:
    with neighbours(quick_dir) as made:
        yield made


BODIES: dict[str, dict[str, Any]] = {
    "/backup/start": {"profile": f"{MARK}-docs"},
    "/backup/preview": {"profile": f"{MARK}-docs"},
    "/check/start": {"profile": f"{MARK}-docs"},
    "/restore/start": {"profile": f"{MARK}-docs", "point": "latest", "to_host": True},
    "/restore/preview": {"profile": f"{MARK}-docs", "point": "latest", "to": "/tmp/x"},  # never made
    "/hosts": {"name": "pc9", "transport": "memory"},
    "/profiles": {"name": "p9", "host": f"{MARK}-pc", "sources": [{"path": "/home/ada/x"}]},
}
QUERIES = {"/file": {"path": f"{MARK}-docs/{MARK}.txt"}, "/versions": {"path": f"{MARK}-docs/{MARK}.txt"}}
LISTS = {"/hosts", "/profiles", "/jobs", "/schedule", "/metrics"}
"""What an owner may list; all else must name an object."""
OF_NOBODY = {"/filters/presets", "/health", "/health/ready", "/ca.pem", "/enrol"}
PATTERN = re.compile("|".join((MARK, "ada")))


def test_no_route_gives_another_owners_things_to_an_owner(two: Neighbours) -> None:
    assert PATTERN.search(two.call("ada", "GET", f"/profiles/{MARK}-docs").text)
    for method, template in every_route():
        if template in OF_NOBODY or template.startswith("/auth/"):
            continue
        names = {**two.names, "name": ""}
        query = next((query for end, query in QUERIES.items() if template.endswith(end)), None)
        answer = two.call(
            "mallory", method, named(template, names), json=BODIES.get(template, {}), params=query
        )
        if method == "GET" and template in LISTS:
            assert answer.status_code == 200, template
            assert not PATTERN.search(answer.text), (template, answer.text)
            continue
        assert answer.status_code in {403, 404}, (method, template, answer.text)
        told = answer.json()["detail"] + answer.json()["meaning"] + answer.json()["advice"]
        for word in two.names.values():  # what was asked for may be repeated, nothing else is known
            told = told.replace(word, "")
        assert not PATTERN.search(told), (method, template, answer.text)


def test_what_is_anothers_answers_word_for_word_as_what_does_not_exist(two: Neighbours) -> None:
    absent = {key: f"absent-{key}" for key in two.names}
    compared = 0
    for method, template in every_route():
        if template.startswith("/auth/") or (
            template == named(template, two.names) and template not in BODIES
        ):
            continue
        body = BODIES.get(template, {})
        there = two.call("mallory", method, named(template, two.names), json=body)
        swapped = {key: absent.get(key, value) for key, value in body.items()}
        not_there = two.call("mallory", method, named(template, absent), json=swapped)
        text = not_there.text
        for kind, name in absent.items():
            text = text.replace(name, two.names[kind])
        assert (there.status_code, there.text) == (not_there.status_code, text), (method, template)
        compared += 1
    assert compared > 30


def test_the_owner_reaches_the_same_things(two: Neighbours) -> None:
    """The names are the real ones: for their owner the same addresses answer."""
    for template in ("/hosts/{name}", "/profiles/{name}", "/backup/log/{job_id}", "/runs/{run_id}/problems"):
        assert two.call("ada", "GET", named(template, two.names)).status_code == 200, template
    file = two.call("ada", "GET", f"/profiles/{MARK}-docs/points/latest/file", params=QUERIES["/file"])
    assert file.content == f"{MARK}.txt".encode()
    started = two.call("ada", "POST", "/backup/start", json={"profile": f"{MARK}-docs"})
    assert started.status_code == 202


def test_lists_hold_what_is_ones_own(two: Neighbours) -> None:
    for path, key, own in (
        ("/hosts", "name", "pc1"),
        ("/profiles", "name", "mine"),
        ("/jobs", "host", "pc1"),
        ("/schedule", "profile", "mine"),
    ):
        assert {one[key] for one in two.call("mallory", "GET", path).json()["items"]} == {own}
    metrics = two.call("mallory", "GET", "/metrics").text
    assert 'profile="mine"' in metrics


def test_a_run_of_another_profile_is_not_found_under_ones_own(two: Neighbours) -> None:
    other = two.names["run_id"]
    assert two.call("mallory", "GET", f"/profiles/mine/runs/{other}").status_code == 404
    assert two.call("mallory", "GET", f"/profiles/mine/points/{other}/export").status_code == 404
    asked = {"run": other, "reason": "x"}
    assert two.call("mallory", "POST", "/profiles/mine/undo/plan", json=asked).status_code == 404


def test_the_key_of_anothers_request_means_nothing_to_an_owner(two: Neighbours) -> None:
    key = {"Idempotency-Key": "monday"}
    first = two.call("ada", "POST", "/backup/start", json={"profile": f"{MARK}-docs"}, headers=key)
    second = two.call("mallory", "POST", "/backup/start", json={"profile": "mine"}, headers=key)
    assert (first.status_code, second.status_code) == (202, 202), second.text
    assert second.json()["job"]["profile"] == "mine"


def test_an_owner_writes_no_files_on_the_server(two: Neighbours, tmp_path: Path) -> None:
    target = tmp_path / "out"
    body = {"profile": "mine", "point": "latest", "to": str(target)}
    for route in ("/restore/start", "/restore/preview"):
        answer = two.call("mallory", "POST", route, json=body)
        assert answer.status_code == 403, answer.text
    assert not target.exists()


def test_a_host_that_changes_hands_is_gone_for_its_former_owner_at_once(two: Neighbours) -> None:
    body = {"owners": ["ada"]}
    assert two.world.call("PUT", "/hosts/pc1", json=body).status_code == 200
    assert two.call("mallory", "GET", "/profiles/mine").status_code == 404
    assert two.call("ada", "GET", "/profiles/mine").status_code == 200


def test_an_owner_must_be_an_account(two: Neighbours) -> None:
    answer = two.world.call("PUT", "/hosts/pc1", json={"owners": ["nobody"]})
    assert answer.status_code == 422
    assert two.world.call("GET", "/hosts/pc1").json()["owners"] == ["mallory"]


def test_an_auditor_reads_evidence_and_starts_nothing_and_sees_no_bytes(two: Neighbours) -> None:
    world, docs = two.world, f"/profiles/{MARK}-docs"
    for path in (docs, f"{docs}/points", f"{docs}/runs", f"{docs}/check", "/jobs", f"{docs}/retention"):
        assert world.call("GET", path, role=Role.AUDITOR).status_code in {200, 404}, path
    for method, template in every_route():
        starts = method != "GET" and not template.startswith("/auth/") and template not in OF_NOBODY
        gives_bytes = template.endswith(("/export", "/file"))
        if starts or gives_bytes:
            answer = world.call(
                method, named(template, two.names), role=Role.AUDITOR, json=BODIES.get(template, {})
            )
            assert answer.status_code == 403, (method, template, answer.text)
