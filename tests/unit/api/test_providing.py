"""What a request costs beside its work: threads are for what waits."""

from typing import Any

import anyio.to_thread
import pytest

from tests.support.api_world import ApiWorld


def test_services_come_to_a_route_without_threads(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.prepare()
    job = world.start()
    in_threads: list[str] = []
    real = anyio.to_thread.run_sync

    async def noted(work: Any, *args: Any, **options: Any) -> Any:
        in_threads.append(repr(work))
        return await real(work, *args, **options)

    monkeypatch.setattr(anyio.to_thread, "run_sync", noted)
    assert world.call("GET", f"/backup/status/{job}").status_code == 200
    assert len(in_threads) == 4, "who asks, what they may, the work, its answer"
