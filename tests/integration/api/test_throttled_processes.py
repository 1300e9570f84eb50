"""Guessing is slowed down by all API processes together, and a restart forgets nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from bck_apps.wiring import Application, database_place, initialise
from bckcore.domain.secret import Secret
from bckcore.domain.throttle import account_key
from bckcore.services.throttles import ACCOUNT
from tests.support.api_process import api_client
from tests.support.cli import PASSWORD


@pytest.fixture
def application(tmp_path: Path, url: str) -> Iterator[Application]:
    made = initialise(
        tmp_path / "home",
        storage=tmp_path / "store",
        admin="ann",
        password=Secret(PASSWORD),
        database=database_place(url),
    )
    with made as application:
        yield application


def tried(at: httpx2.Client, name: str, password: str = "wrong password") -> httpx2.Response:
    return at.post("/auth/login", json={"name": name, "password": password})


def test_two_processes_count_together_and_a_restart_forgets_nothing(application: Application) -> None:
    key = account_key("nobody", "login")
    with api_client(application.home) as one, api_client(application.home) as two:
        codes = [tried((one, two)[number % 2], "nobody").status_code for number in range(ACCOUNT.free + 8)]
    assert set(codes) == {401, 429}
    with application.units() as uow:
        counted = uow.throttles.get(key)
        assert counted is not None
        assert counted.failures == codes.count(401) > ACCOUNT.free
        longest = application.clock.now() + ACCOUNT.longest  # so that the wait outlasts a start
        uow.throttles.put(replace(counted, failures=99, until=longest))
        uow.commit()
    with api_client(application.home) as again:
        blocked = tried(again, "nobody", PASSWORD)
        assert blocked.status_code == 429
        assert 60 < int(blocked.headers["retry-after"]) <= ACCOUNT.longest.total_seconds()
        assert application.throttles.unlock("nobody") == 1
        assert tried(again, "nobody").status_code == 401
        assert tried(again, "ann", PASSWORD).status_code == 200


def test_a_session_of_one_process_is_known_and_ended_at_another(application: Application) -> None:
    with api_client(application.home) as one, api_client(application.home) as two:
        signed_in = tried(one, "ann", PASSWORD).json()
        headers = {"Authorization": f"Bearer {signed_in['access_token']}"}
        assert two.get("/hosts", headers=headers).status_code == 200
        application.tokens.rotate(now=application.clock.now())
        fresh = two.post("/auth/refresh", json={"refresh_token": signed_in["refresh_token"]}).json()
        young = {"Authorization": f"Bearer {fresh['access_token']}"}
        assert [
            at.get("/hosts", headers=head).status_code for at in (one, two) for head in (headers, young)
        ] == [200] * 4
        assert one.post("/auth/logout", headers=young).status_code == 204
        assert [two.get("/hosts", headers=head).status_code for head in (headers, young)] == [401, 401]
