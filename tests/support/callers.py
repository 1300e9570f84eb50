"""Everybody who may call the API, the world they meet, and one plain request for every route.

A plain request is one that a caller who is let in gets a good answer to: it proves that what is searched with
odd values behind it is really reached.
"""

from __future__ import annotations

from base64 import b32decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from bckcore.domain.access import Permission, Principal, Role
from bckcore.domain.device_token import SCOPES
from bckcore.domain.ids import HostId
from bckcore.domain.totp import code_of, step_at
from tests.support.api_world import PASSWORD
from tests.support.neighbours import MARK, Neighbours, T, neighbours
from tests.support.places import quick_folder
from tests.support.sshd import new_key

HIDDEN = f"{MARK}-hidden"
"""In what is ada's and in no name that anybody could send: an address, a rule, a reason, a line of a log."""
OTHER_PASSWORD = "four other words there"
PC_KEY = new_key().public
"""What an sshd somewhere shows."""


class Caller(StrEnum):
    """Who calls, the weakest first: what the strong destroy, the weak have been refused before."""

    NOBODY = "nobody"
    DEVICE = "device"
    AUDITOR = "auditor"
    VIEWER = "viewer"
    OWNER = "mallory"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def signed_in(self) -> bool:
        """Whether it is a person with an account."""
        return self not in (Caller.NOBODY, Caller.DEVICE)

    @property
    def confined(self) -> bool:
        """Whether it may know of mallory's things only."""
        return self in (Caller.NOBODY, Caller.DEVICE, Caller.OWNER)

    def may(self, permission: Permission) -> bool:
        """Whether it is let in where a route demands this."""
        if self is Caller.NOBODY:
            return False
        role = {Caller.DEVICE: None, Caller.OWNER: Role.OWNER}.get(self, self)
        scope = frozenset(SCOPES.values()) if role is None else frozenset()
        return Principal(name=self, role=Role(role) if role else None, scope=scope).may(permission)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """What a plain request adds to the address."""

    json: Mapping[str, Any] | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the address that are not the usual ones."""


class Street:
    """Neighbours with something of every kind; made anew whenever a caller has changed too much."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._number = 0
        self.two: Neighbours
        self.tokens: dict[Caller, str] = {}
        self.renew()

    def close(self) -> None:
        """Forget the world."""
        self._stack.close()

    def renew(self) -> None:
        """Another world, like the first."""
        self._stack.close()
        self._number += 1
        home = self._folder / str(self._number)
        home.mkdir()
        self.two = self._stack.enter_context(neighbours(home))
        self.tokens = {}
        for names in (self.two.own, self.two.names):
            self._furnish(names)
        keyed = {"name": "keyed", "address": "keyed.test", "login": "own-key", "host_keys": [PC_KEY]}
        for spare in ({"name": "spare", "transport": "memory"}, keyed):
            assert self.two.world.call("POST", "/hosts", json=spare).status_code == 201

    def _furnish(self, names: dict[str, str]) -> None:
        """A hold, a check, a device token, a suspect run; of ada's, with what must never be seen."""
        two, own = self.two, names is self.two.own
        secret = "plain" if own else HIDDEN
        host, profile = names["host"], names["profile"]
        assert two.world.call("PUT", f"/hosts/{host}", json={"address": f"{secret}.test"}).status_code == 200
        hold = {"point": "1", "reason": secret}
        assert two.world.call("POST", f"/profiles/{profile}/holds", json=hold).status_code == 201
        token = {"host": host, "name": f"{secret} laptop"}
        made = two.world.call("POST", "/auth/tokens", json=token).json()
        names["token_id"], names["token"] = made["token_id"], made["token"]
        plan = two.world.call("GET", f"/profiles/{profile}").json()
        tree = two.world.pcs[HostId(host)].source(plan["sources"][0]["path"])
        tree.write(b"kept", secret.encode(), T)
        two.back_up(profile, secret)
        for name in (b"kept", b"mine", f"{MARK}.txt".encode()):
            tree.delete(name)
        names["suspect"] = two.back_up(profile, secret)["run_id"]
        two.carried_out("/check/start", profile)
        body = {"name": profile, "host": host, "sources": plan["sources"], "excludes": [f"{secret}.tmp"]}
        assert two.world.call("PUT", f"/profiles/{profile}", json=body).status_code == 200

    def headers(self, caller: Caller) -> dict[str, str]:
        """What the caller shows; signs in where that is needed, anew once its session has ended."""
        if caller is Caller.NOBODY:
            return {}
        if caller not in self.tokens:
            self.tokens[caller] = (
                self.two.own["token"] if caller is Caller.DEVICE else self._signed_in(caller)
            )
        return {"Authorization": f"Bearer {self.tokens[caller]}"}

    def sign_in(self, caller: Caller) -> dict[str, Any]:
        """A further session of the caller's account; of a viewer's for who has none."""
        body = {"name": caller if caller.signed_in else Caller.VIEWER, "password": PASSWORD}
        answer = self.two.world.client.post("/auth/login", json=body)
        if answer.status_code == 429:  # earlier cases have guessed too often
            self.two.world.clock.advance(int(answer.headers["Retry-After"]))
            answer = self.two.world.client.post("/auth/login", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def _signed_in(self, caller: Caller) -> str:
        return str(self.sign_in(caller)["access_token"])


def one_street(otherwise: Path) -> Iterator[Street]:
    """For the time of a fixture; in ``otherwise`` where there is no folder in memory."""
    for folder in quick_folder(otherwise):
        made = Street(folder)
        yield made
        made.close()


def _login(street: Street, caller: Caller) -> Plain:
    name = caller if caller.signed_in else Caller.VIEWER
    return Plain(json={"name": name, "password": PASSWORD})


def _refresh(street: Street, caller: Caller) -> Plain:
    return Plain(json={"refresh_token": street.sign_in(caller)["refresh_token"]})


def _second_session(street: Street, caller: Caller) -> Plain:
    return Plain(path={"session_id": street.sign_in(caller)["session_id"]})


def _code(street: Street, caller: Caller) -> str:
    """A code of a second factor that the caller has just taken."""
    headers = street.headers(caller)
    client = street.two.world.client
    made = client.post("/auth/totp", headers=headers, json={"password": PASSWORD})
    if made.status_code != 200:
        return "123456"
    secret = made.json()["secret"]
    key = b32decode(secret + "=" * (-len(secret) % 8))
    return code_of(key, step_at(street.two.world.clock.now()))


def _redeem(street: Street, _caller: Caller) -> Plain:
    body = {"address": "new.test"}
    opened = street.two.world.call("POST", "/hosts/new/enrolment", json=body)
    return Plain(json={"token": opened.json()["token"], "host_keys": [PC_KEY]})


def _opened(street: Street, _caller: Caller) -> Plain:
    street.two.world.call("POST", "/hosts/fresh/enrolment", json={"address": "fresh.test"})
    return Plain(path={"name": "fresh"})


def _confirm(street: Street, caller: Caller) -> Plain:
    return Plain(json={"code": _code(street, caller)})


def _disable(street: Street, caller: Caller) -> Plain:
    client, headers = street.two.world.client, street.headers(caller)
    answer = client.post("/auth/totp/confirm", headers=headers, json={"code": _code(street, caller)})
    codes = answer.json().get("recovery_codes", ["none"])
    return Plain(json={"code": codes[0]})


def _fixed(**fields: Any) -> Callable[[Street, Caller], Plain]:
    return lambda _street, _caller: Plain(**fields)


def _of_profile(**fields: Any) -> Callable[[Street, Caller], Plain]:
    return lambda street, _caller: Plain(json={"profile": street.two.own["profile"], **fields})


_MINE = [{"path": "/home/mallory/mine"}]
PLAIN: Mapping[str, Callable[[Street, Caller], Plain]] = {
    "POST /auth/login": _login,
    "POST /auth/refresh": _refresh,
    "DELETE /auth/sessions/{session_id}": _second_session,
    "POST /auth/password": _fixed(json={"old_password": PASSWORD, "new_password": OTHER_PASSWORD}),
    "POST /auth/totp": _fixed(json={"password": PASSWORD}),
    "POST /auth/totp/confirm": _confirm,
    "POST /auth/totp/disable": _disable,
    "POST /auth/tokens": _fixed(json={"host": "pc1", "name": "phone"}),
    "POST /hosts": _fixed(json={"name": "pc9", "transport": "memory"}),
    "PUT /hosts/{name}": _fixed(json={"port": 2222}),
    "DELETE /hosts/{name}": _fixed(path={"name": "spare"}),
    "POST /profiles": _fixed(json={"name": "more", "host": "pc1", "sources": [{"path": "/home/mallory/x"}]}),
    "PUT /profiles/{name}": _fixed(json={"name": "mine", "host": "pc1", "sources": _MINE}),
    "GET /profiles/{name}/versions": _fixed(query={"path": "mine/kept"}),
    "GET /profiles/{name}/search": _fixed(query={"pattern": "m*"}),
    "GET /profiles/{name}/diff": _fixed(query={"old": "1", "new": "2"}),
    "GET /profiles/{name}/points/{point}/file": _fixed(query={"path": "mine/kept"}),
    "POST /profiles/{name}/undo/plan": _fixed(json={"run": "2"}),
    "POST /profiles/{name}/undo": _fixed(json={"run": "2"}),
    "POST /profiles/{name}/accept/plan": _fixed(json={"reason": "meant"}),
    "POST /profiles/{name}/accept": _fixed(json={"reason": "meant"}),
    "POST /profiles/{name}/forget/plan": _fixed(json={"path": "mine/kept"}),
    "POST /profiles/{name}/forget": _fixed(json={"path": "mine/kept", "reason": "a court"}),
    "POST /profiles/{name}/holds": _fixed(json={"point": "2", "reason": "why"}),
    "DELETE /profiles/{name}/holds/{point}": _fixed(path={"point": "1"}),
    "POST /backup/start": _of_profile(),
    "POST /backup/preview": _of_profile(),
    "POST /check/start": _of_profile(),
    "POST /restore/start": _of_profile(to_host=True),
    "POST /restore/preview": _of_profile(to="/nowhere/at/all"),
    "POST /hosts/{name}/key": _fixed(path={"name": "keyed"}),
    "POST /hosts/{name}/enrolment": _fixed(path={"name": "fresh"}, json={"address": "fresh.test"}),
    "DELETE /hosts/{name}/enrolment": _opened,
    "POST /enrol": _redeem,
    "POST /hosts/{name}/presence": _fixed(json={"idle": True}),
}
"""Where the address with mallory's names in it is not all: a new route that needs a body needs a line."""


def usual(street: Street, template: str) -> dict[str, str]:
    """The parameters of an address, with what mallory's things are called."""
    own = street.two.own
    values = {
        **own,
        "name": own["host"] if template.startswith("/hosts/") else own["profile"],
        "run": own["run_id"],
        "point": "2",
        "session_id": "none",
    }
    return {name: value for name, value in values.items() if f"{{{name}}}" in template}
