"""One token, two API processes: one PC is known by it; who guesses waits at both, after a restart too."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from bck_apps.wiring import Application, initialise
from bckcore.domain.enrolment_text import parsed_token, token_text
from bckcore.domain.ids import HostId
from bckcore.domain.secret import Secret
from bckcore.domain.throttle import account_key
from bckcore.services.enrolments import PURPOSE
from bckcore.services.hosts import HostChange
from bckcore.services.throttles import ACCOUNT
from tests.support.api_process import api_client
from tests.support.cli import PASSWORD
from tests.support.sshd import new_key

PC = HostId("pc1")
MANY = 8


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    made = initialise(tmp_path / "home", storage=tmp_path / "store", admin="ann", password=Secret(PASSWORD))
    with made as application:
        yield application


def opened(application: Application) -> Secret[str]:
    made = application.container.enrolments().open(
        PC, HostChange(), ca_sha256=application.tls.fingerprint, created_by="ann"
    )
    return made.text


def with_another_secret(token: Secret[str]) -> Secret[str]:
    parts = parsed_token(token)
    return token_text(replace(parts, secret=Secret(parts.secret.reveal()[::-1])))


def redeemed(at: httpx2.Client, token: Secret[str], *keys: str) -> httpx2.Response:
    return at.post("/enrol", json={"token": token.reveal(), "host_keys": list(keys or (new_key().public,))})


def test_one_pc_becomes_known_by_one_token_and_who_guesses_waits_at_both(application: Application) -> None:
    keys = [new_key().public for _ in range(MANY)]
    with api_client(application.home) as one, api_client(application.home) as two:
        assert one.get("/ca.pem").content == two.get("/ca.pem").content
        at = (one, two)
        token = opened(application)
        with ThreadPoolExecutor(MANY) as pool:
            told = pool.map(lambda number: redeemed(at[number % 2], token, keys[number]), range(MANY))
        codes = [answer.status_code for answer in told]
        assert sorted(codes) == [200] + [403] * (MANY - 1)
        host = application.hosts.get(PC)
        assert (host.host_keys, host.address) == ((keys[codes.index(200)],), "127.0.0.1")
        token = opened(application)
        wrong = with_another_secret(token)
        codes = [redeemed(at[number % 2], wrong).status_code for number in range(ACCOUNT.free + 8)]
    assert set(codes) == {403, 429}
    assert codes.count(403) > ACCOUNT.free
    longest = application.clock.now() + ACCOUNT.longest  # so that the wait outlasts a start
    with application.units() as uow:
        counted = uow.throttles.get(account_key(f"{PURPOSE} {parsed_token(token).id}", PURPOSE))
        assert counted is not None
        uow.throttles.put(replace(counted, failures=99, until=longest))
        uow.commit()
    with api_client(application.home) as again:  # a restart forgets nothing
        blocked = redeemed(again, token)
    assert blocked.status_code == 429
    assert 60 < int(blocked.headers["retry-after"]) <= ACCOUNT.longest.total_seconds()
    assert application.hosts.get(PC) == host
