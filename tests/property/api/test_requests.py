"""Whatever a caller sends, the answer is never the program's own fault, and always well-formed."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.api_world import HOST, PROFILE, ApiWorld, api_world
from tests.support.sshd import new_key

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.text(min_size=1, max_size=30).filter(lambda text: text not in (".", ".."))
KEY = new_key().private
BODIES: dict[str, dict[str, object]] = {
    "/hosts": {**HOST, "port": 22, "user": "u", "address": "a", "host_keys": [], "private_key": KEY},
    "/profiles": {
        **PROFILE,
        "name": "new",
        "excludes": [],
        "keep_within": "7d",
        "keep_last": 3,
        "keep_daily": 4,
        "min_age": "1d",
        "time_zone": "Europe/Rome",
    },
    "/profiles/docs/holds": {"point": "1", "reason": "why", "expires": "2100-01-01T00:00:00Z"},
    "/backup/start": {"profile": "docs"},
    "/restore/start": {"profile": "docs", "point": "latest", "to": "/r", "paths": [], "path_bytes": []},
    "/auth/login": {"name": "admin", "password": "x"},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    with api_world(Path(tmp_path_factory.mktemp("api")), database="") as made:
        made.prepare()
        made.application.storage.prepare()
        made.add_point(1)
        yield made


@given(path=st.sampled_from(sorted(BODIES)), data=st.data())
def test_any_value_in_any_field_gets_a_clean_answer(world: ApiWorld, path: str, data: st.DataObject) -> None:
    body: dict[str, object] = dict(BODIES[path])
    for field in data.draw(st.lists(st.sampled_from(sorted(body)), min_size=1, max_size=2)):
        body[field] = data.draw(JSON)
    response = world.call("POST", path, json=body)
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.json()["type"].startswith("urn:bck:")


@pytest.mark.parametrize(
    "fields",
    [
        {"keep_last": 10**30},
        {"bandwidth_limit": 10**30},
        {"keep_within": "999999w999999d"},
        {"min_age": "999999w999999d"},
        {"keep_yearly": 10**30},
        {"time_zone": "x" * 10_000},
        {"name": "x" * 10_000},
        {"sources": [{"path": "/home/u/" + "x" * 100_000}]},
        {"excludes": ["x" * 100_000]},
    ],
)
def test_huge_values_get_a_clean_answer(world: ApiWorld, fields: dict[str, object]) -> None:
    response = world.call("PUT", "/profiles/docs", json={**PROFILE, **fields})
    assert response.status_code < 500, response.text
    assert world.call("GET", "/profiles/docs").status_code == 200
    assert world.call("GET", "/profiles/docs/retention").status_code == 200


@given(body=st.binary(max_size=60) | JSON.map(lambda value: repr(value).encode("utf-8", "replace")))
def test_any_bytes_as_a_body_get_a_clean_answer(world: ApiWorld, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = world.call("POST", "/backup/start", content=body, headers=headers)
    assert 400 <= response.status_code < 500


@given(
    template=st.sampled_from(
        [
            "/hosts/{}",
            "/profiles/{}",
            "/profiles/{}/points",
            "/profiles/{}/holds",
            "/backup/status/{}",
            "/backup/log/{}",
            "/jobs?status={}",
        ]
    ),
    name=NAMES,
)
def test_any_name_in_an_address_gets_a_clean_answer(world: ApiWorld, template: str, name: str) -> None:
    response = world.call("GET", template.format(quote(name, safe="")))
    assert response.status_code < 500, response.text
