"""Everything that the OpenAPI document allows and forbids, sent to every route by everybody who may call.

The cases are made by schemathesis from the document itself. Each goes out once per caller, the weakest first.
No answer is the program's own fault, none has a status or a form that the document does not name, and nobody
who is confined to some hosts is ever told anything of another's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import schemathesis
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bck_apps.api.deps import Requires
from bck_apps.api.main import ROUTES, create_app
from bckcore.domain.access import Permission
from tests.support.callers import PLAIN, Caller, Plain, Street, one_street, usual
from tests.support.neighbours import MARK
from tests.support.patience import patient

CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
OF_THE_PC = (502, 504)
"""A PC that does not answer, such as one that a case has just made up; only where the document names it."""
EXAMPLES = {GenerationMode.POSITIVE: (2, 60), GenerationMode.NEGATIVE: (2, 40)}
"""How many cases of each kind a push takes, and how many a long run."""
NOTHING_TO_GET_WRONG = ("GET /health", "GET /health/ready", "GET /ca.pem")
"""They take nothing, not even a token."""
LONGEST_ADDRESS = 60_000
"""A server refuses longer ones before the API sees them."""
SPOILING = ("DELETE ", "PUT ", "POST /auth/")
"""After these, the next route gets a world of its own."""


def routes() -> dict[str, APIRoute]:
    """By method and address, as the document has them."""
    return {
        f"{method} {route.path}": route
        for module in ROUTES
        for route in module.router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    }


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    yield from one_street(tmp_path_factory.mktemp("street"))


@pytest.fixture(scope="module")
def document(street: Street) -> Any:
    made = schemathesis.openapi.from_dict(create_app(street.two.world.application).openapi())
    # Half characters are left out all the same; to look each up in a codec takes seconds per process.
    made.config.generation.codec = None
    return made


class Asked:
    """One route, asked by everybody."""

    def __init__(self, street: Street, operation: Any) -> None:
        self.street = street
        self.operation = operation

    def plain(self, caller: Caller) -> int:
        """The plain request; the status of the answer."""
        street, path = self.street, self.operation.path
        made = PLAIN.get(self.operation.label, lambda _street, _caller: Plain())(street, caller)
        case = self.operation.Case(
            path_parameters={**usual(street, path), **made.path},
            query=dict(made.query),
            **({} if made.json is None else {"body": dict(made.json), "media_type": "application/json"}),
        )
        return self.send(case, caller, prepared(case))

    def send(self, case: Any, caller: Caller, request: requests.PreparedRequest) -> int:
        """Send the case; look at the answer; its status."""
        answer = self.street.two.world.client.request(
            str(request.method),
            str(request.url),
            content=_bytes(request.body or b""),
            headers=_encoded({**request.headers, **self.street.headers(caller)}),
        )
        checks = CHECKS if answer.status_code in OF_THE_PC else [not_a_server_error, *CHECKS]
        case.validate_response(schemathesis.Response.from_any(answer), checks=checks)
        if caller.confined:
            self._tells_nothing_of_ada(request, answer)
        if answer.status_code == 401:
            self.street.tokens.pop(caller, None)
        return int(answer.status_code)

    def _tells_nothing_of_ada(self, request: requests.PreparedRequest, answer: Any) -> None:
        """What was asked for may be repeated; nothing else is known."""
        told = answer.text
        for word in sorted(
            _words(f"{unquote(unquote(request.url or ''))} {request.body!r}"), key=len, reverse=True
        ):
            told = told.replace(word, "")
        assert MARK not in told, (request.method, request.url, answer.text)


def _words(sent: str) -> set[str]:
    """Whatever of a request has the mark in it, as a whole and in parts: an error may shorten a path."""
    words = (word for word in re.split(r"[\s\"'&?=]", sent) if MARK in word)
    return {part for word in words for part in (word, *word.split("/")) if MARK in part}


def prepared(case: Any) -> requests.PreparedRequest:
    """The case as bytes on the wire."""
    return requests.Request(**case.as_transport_kwargs(base_url="http://testserver")).prepare()


def _encoded(headers: Mapping[str, str | bytes]) -> list[tuple[bytes, bytes]]:
    return [(_bytes(name), _bytes(value)) for name, value in headers.items()]


def _bytes(text: object) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode("utf-8", "replace")


def demanded(route: APIRoute) -> Permission | None:
    """The permission that a route declares; None: it is open to all."""
    return next((one.permission for one in _calls(route.dependant) if isinstance(one, Requires)), None)


def _calls(dependant: Dependant) -> Iterator[object]:
    for one in dependant.dependencies:
        yield one.call
        yield from _calls(one)


def let_in(route: APIRoute) -> list[Caller]:
    """Who gets a good answer to the plain request."""
    permission = demanded(route)
    return [caller for caller in Caller if permission is None or caller.may(permission)]


FIELDS = {
    "name": ("host", "profile"),
    "host": ("host",),
    "profile": ("profile",),
    "job_id": ("job_id",),
    "run_id": ("run_id", "suspect"),
    "run": ("run_id", "suspect"),
    "point": ("run_id",),
    "to": ("run_id",),
    "old": ("run_id",),
    "new": ("run_id",),
    "token_id": ("token_id",),
    "path": ("file",),
}
"""Which of the names that exist may stand where."""


@st.composite
def swaps(draw: st.DrawFn) -> dict[str, tuple[bool, str] | None]:
    """For each place of a name: whose real one of which kind, or what the document allows."""
    return {
        place: draw(st.none() | st.tuples(st.booleans(), st.sampled_from(kinds)))
        for place, kinds in FIELDS.items()
    }


def with_real_names(street: Street, case: Any, chosen: dict[str, tuple[bool, str] | None]) -> None:
    """Put names of things that exist into the case."""
    two = street.two
    for part in ("path_parameters", "query", "body"):
        container = getattr(case, part)
        if not isinstance(container, dict):
            continue
        for place, choice in chosen.items():
            if place in container and choice is not None:
                ours, kind = choice
                container[place] = (two.own if ours else two.names)[kind]


@pytest.mark.parametrize("label", sorted(routes()))
def test_everybody_gets_a_documented_answer_and_nothing_of_anothers(
    street: Street, document: Any, label: str
) -> None:
    method, path = label.split(" ", 1)
    asked = Asked(street, document[path][method])
    try:
        good = [caller for caller in Caller if 200 <= asked.plain(caller) < 300]
        assert good == let_in(routes()[label])
        for mode in EXAMPLES:
            if mode is GenerationMode.POSITIVE or label not in NOTHING_TO_GET_WRONG:
                _search(asked, mode, good)
    finally:
        if label.startswith(SPOILING):
            street.renew()


def _search(asked: Asked, mode: GenerationMode, good: list[Caller]) -> None:
    """Ask with cases of one kind; whom the route refuses, a push asks with the first one only."""
    push, long = EXAMPLES[mode]
    cases = asked.operation.as_strategy(generation_mode=mode)
    callers = list(Caller)

    @settings(max_examples=long if patient() else push, phases=[Phase.explicit, Phase.generate])
    @given(case=cases, chosen=swaps())
    def search(case: Any, chosen: dict[str, tuple[bool, str] | None]) -> None:
        with_real_names(asked.street, case, chosen)
        request = prepared(case)
        assume(len(request.url or "") < LONGEST_ADDRESS)
        for caller in callers:
            asked.send(case, caller, request)
        if not patient():
            callers[:] = good

    search()


def test_everybody_is_let_in_somewhere_and_nobody_everywhere() -> None:
    """What the search above shows of each route is not all refusals."""
    counts = {caller: sum(caller in let_in(route) for route in routes().values()) for caller in Caller}
    assert counts[Caller.ADMIN] == len(routes())
    assert 0 < counts[Caller.NOBODY] < counts[Caller.DEVICE] < counts[Caller.VIEWER]
    assert counts[Caller.VIEWER] <= counts[Caller.AUDITOR] < counts[Caller.OWNER]
    assert counts[Caller.OWNER] < counts[Caller.OPERATOR] < counts[Caller.ADMIN]
