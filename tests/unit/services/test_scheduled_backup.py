"""A backup of the schedule makes no run without its host, and goes by the bandwidth plan of the moment."""

from pathlib import Path

import pytest

from bck_adapters.memory.clock import SettableClock
from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bckcore.domain.credential import Credential
from bckcore.domain.ids import HostId
from bckcore.domain.job import JobResult, JobStatus
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.run import Run, RunOutcome
from bckcore.domain.transfer import PullOrder, TransferProgress
from bckcore.errors import HostUnreachableError, JobCancelledError, TransferFailedError
from bckcore.ports.transport import PullReport, Watcher
from tests.support.house import DOCS, PC, House
from tests.support.job_service import job_service


class Listening(MemoryTransport):
    """Remembers the limits of the orders it was given."""

    def __init__(self, hosts: dict[HostId, MemoryHost]) -> None:
        super().__init__(hosts)
        self.limits: list[int | None] = []

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        """Remember, then pull."""
        self.limits.append(order.options.bandwidth_limit)
        return super().pull(order, credential, watcher)


def asked(house: House, *, only_if_reachable: bool) -> Run:
    job_service(house).start_backup(DOCS, requested_by="test", only_if_reachable=only_if_reachable)
    claim = house.database.queue.claim("test", lease_seconds=600)
    assert claim is not None
    try:
        return house.backups.back_up(claim, house.watcher)[0]
    finally:
        house.database.queue.finish(claim, JobStatus.SUCCEEDED, JobResult())


def test_without_the_host_there_is_no_run_and_no_number_is_used_up(tmp_path: Path) -> None:
    pcs: dict[HostId, MemoryHost] = {}
    house = House(tmp_path, MemoryTransport(pcs))
    with pytest.raises(HostUnreachableError):
        asked(house, only_if_reachable=True)
    with house.database.units(read_only=True) as uow:
        assert uow.runs.last(DOCS) is None
    assert not list(tmp_path.rglob("*.json"))


def test_a_job_that_is_cancelled_while_it_looks_for_its_host_begins_no_run(tmp_path: Path) -> None:
    house = House(tmp_path, MemoryTransport({PC: MemoryHost()}))
    looked = iter([False])
    house.watcher.stop = lambda: next(looked, True)
    with pytest.raises(JobCancelledError, match="look at the host"):
        asked(house, only_if_reachable=True)
    with house.database.units(read_only=True) as uow:
        assert uow.runs.last(DOCS) is None


def test_a_person_who_asks_gets_a_run_that_failed(tmp_path: Path) -> None:
    house = House(tmp_path, MemoryTransport({}))
    asked(house, only_if_reachable=False)
    with house.database.units(read_only=True) as uow:
        run = uow.runs.last(DOCS)
    assert run is not None
    assert run.error_code == "host-unreachable"


def test_a_host_that_answers_with_another_error_gets_its_run(tmp_path: Path) -> None:
    pc = MemoryHost()
    pc.source("/home/u/docs").write(b"f", b"one")
    pc.errors.append(TransferFailedError("planted"))
    house = House(tmp_path, MemoryTransport({PC: pc}))
    asked(house, only_if_reachable=True)
    with house.database.units(read_only=True) as uow:
        run = uow.runs.last(DOCS)
    assert run is not None
    assert run.error_code == "transfer-failed"


def test_the_plan_of_the_hour_limits_an_attempt_and_the_log_tells(tmp_path: Path) -> None:
    pc = MemoryHost()
    pc.source("/home/u/docs").write(b"f", b"one")
    transport = Listening({PC: pc})
    house = House(tmp_path, transport)
    rome = RetentionPolicy(time_zone="Europe/Rome")
    house.change_profile(bandwidth_plan=("08:00-18:00=2M", "22:00-06:00=0"), retention=rome)
    noon = house.clock.now().replace(hour=12, minute=0)
    for hour in (16, 17, 21):  # 17, 18 and 22 in Rome
        house.clock.set(noon.replace(hour=hour))
        asked(house, only_if_reachable=False)
    assert transport.limits == [2 * 1024**2, None, None]
    assert "info: The bandwidth plan allows 2097152 bytes a second." in house.watcher.lines
    assert "info: The bandwidth plan allows any speed." in house.watcher.lines


class Slow(Listening):
    """A transport that takes an hour for each file it sends, as far as the clock is concerned."""

    house: House

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        """Time passes whenever it tells how far it is."""
        return super().pull(order, credential, _Hours(watcher, self.house.clock))


class _Hours:
    def __init__(self, inner: Watcher, clock: SettableClock) -> None:
        self._inner = inner
        self._clock = clock

    def progress(self, progress: TransferProgress) -> None:
        self._inner.progress(progress)
        self._clock.advance(3600)

    def log(self, line: str, *, level: str = "info") -> None:
        self._inner.log(line, level=level)

    def is_cancelled(self) -> bool:
        return self._inner.is_cancelled()


def slow_house(tmp_path: Path, *, attempts: int = 1) -> tuple[House, Slow]:
    """Its PC has six files; the clock stands at noon."""
    pc = MemoryHost()
    for number in range(6):
        pc.source("/home/u/docs").write(b"f%d" % number, b"x")
    transport = Slow({PC: pc})
    house = House(tmp_path, transport, attempts=attempts)
    transport.house = house
    house.change_profile(bandwidth_plan=("10:00-14:30=2M", "16:00-23:00=5M"))
    house.clock.set(house.clock.now().replace(hour=12, minute=0))
    return house, transport


def test_a_transfer_goes_on_with_the_speed_that_the_plan_allows_by_then(tmp_path: Path) -> None:
    house, transport = slow_house(tmp_path)
    run = asked(house, only_if_reachable=False)
    assert transport.limits == [2 * 1024**2, None, 5 * 1024**2]
    assert [attempt.error_code for attempt in run.attempts] == ["transfer-interrupted"] * 2 + [""]
    assert (run.outcome, run.counts.files, run.counts.added) == (RunOutcome.SUCCEEDED, 6, 6)
    assert sum("allows another speed by now" in line for line in house.watcher.lines) == 2


def test_another_speed_is_no_failed_attempt_and_a_person_who_cancels_is_heeded(tmp_path: Path) -> None:
    house, _ = slow_house(tmp_path)
    house.watcher.stop = lambda: any("another speed" in line for line in house.watcher.lines)
    run = asked(house, only_if_reachable=False)
    assert run.outcome is RunOutcome.CANCELLED
    assert [attempt.error_code for attempt in run.attempts] == ["transfer-interrupted", "cancelled"]
