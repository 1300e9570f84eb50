"""No route that changes something leaves the audit log as it was, whoever adds the next one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.callers import PLAIN, Caller, Plain, Street, one_street, usual
from tests.support.routes import every_route

ENTERED_OTHERWISE = {
    "POST /auth/refresh": "a session that goes on is told by its sign-in and its end",
    "POST /hosts/{name}/presence": "what a PC says of its battery and its user, every few minutes",
    "POST /hosts/{name}/probe": "a look, which changes nothing",
    "POST /profiles/{name}/undo/plan": "a look",
    "POST /profiles/{name}/accept/plan": "a look",
    "POST /profiles/{name}/forget/plan": "a look",
    "POST /restore/preview": "a look",
}
CHANGING = [f"{method} {path}" for method, path in every_route() if method != "GET"]
TAKING = ["GET /profiles/{name}/points/{point}/file", "GET /profiles/{name}/points/{point}/export"]
"""What leaves the storage is entered, too."""


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    yield from one_street(tmp_path_factory.mktemp("street"))


@pytest.mark.parametrize("route", [*CHANGING, *TAKING])
def test_every_route_that_changes_something_is_entered_with_who_asked(street: Street, route: str) -> None:
    street.renew()
    world, (method, path) = street.two.world, route.split(" ")
    made = PLAIN.get(route, lambda _street, _caller: Plain())(street, Caller.ADMIN)
    address = path
    for name, value in {**usual(street, path), **made.path}.items():
        address = address.replace(f"{{{name}}}", value)
    headers = street.headers(Caller.ADMIN)
    before = world.application.evidence.proof().newest.number
    answer = world.client.request(method, address, params=dict(made.query), json=made.json, headers=headers)
    assert answer.status_code < 300 or answer.status_code in (409, 502, 504), answer.text
    entered = world.application.evidence.entries(after=before)
    if route in ENTERED_OTHERWISE:
        assert not entered, ENTERED_OTHERWISE[route]
    else:
        assert entered, answer.text
        assert {one.deed.actor.name for one in entered} <= {"admin", ""}
