"""Another line of the bandwidth plan ends an attempt, but no file that would have to begin anew."""

from datetime import timedelta
from pathlib import Path

import pytest

from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bckcore.domain.credential import Credential
from bckcore.domain.run import Run, RunOutcome
from bckcore.domain.transfer import PullOrder, TransferProgress
from bckcore.errors import JobCancelledError
from bckcore.ports.transport import PullReport, Watcher
from tests.support.house import PC, House

PLAN = ("10:00-14:30=2M", "16:00-23:00=5M")
M = 1024**2
ENOUGH = 20
LONG = 8
"""Hours."""


class LongFile(MemoryTransport):
    """Its first file takes eight hours; ``can_resume`` tells whether a cut one goes on where it stopped."""

    def __init__(self, *, can_resume: bool) -> None:
        pc = MemoryHost()
        for number in range(4):
            pc.source("/home/u/docs").write(b"f%d" % number, b"x")
        super().__init__({PC: pc})
        self.can_resume = can_resume
        self.limits: list[int | None] = []
        self.house: House
        self._sent = 0

    def resumes(self) -> bool:
        """See the port."""
        return self.can_resume

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        """Hours pass with the first file; the others are quick."""
        self.limits.append(order.options.bandwidth_limit)
        assert len(self.limits) <= ENOUGH, "it begins anew for ever"
        if not self.can_resume and self._sent < LONG:
            self._sent = 0
        while self._sent < LONG:
            watcher.progress(TransferProgress(phase="transferring", bytes_done=self._sent + 1))
            if watcher.is_cancelled():
                raise JobCancelledError("The transfer was stopped.")
            self.house.clock.advance(3600)
            self._sent += 1
        return super().pull(order, credential, watcher)


def backed_up(tmp_path: Path, transport: LongFile) -> tuple[Run, House]:
    house = House(tmp_path, transport)
    transport.house = house
    house.change_profile(bandwidth_plan=PLAN)
    noon = house.clock.now().replace(hour=12, minute=0)
    house.clock.set(noon - timedelta(hours=1))  # a job of a house begins an hour later
    return house.back_up(), house


def test_an_rsync_that_cannot_go_on_inside_a_file_brings_it_to_its_end_first(tmp_path: Path) -> None:
    transport = LongFile(can_resume=False)
    run, house = backed_up(tmp_path, transport)
    assert (run.outcome, run.counts.files) == (RunOutcome.SUCCEEDED, 4)
    assert transport.limits == [2 * M, 5 * M]  # the new speed comes when the long file has ended
    assert sum("until the file under way has ended" in line for line in house.watcher.lines) == 1


def test_one_that_can_goes_on_inside_it_with_the_new_speed(tmp_path: Path) -> None:
    transport = LongFile(can_resume=True)
    run, house = backed_up(tmp_path, transport)
    assert run.outcome is RunOutcome.SUCCEEDED
    assert transport.limits == [2 * M, None, 5 * M]
    assert not any("until the file under way" in line for line in house.watcher.lines)


class Files(LongFile):
    """Each file takes an hour, and none can be cut without beginning anew."""

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        """Time passes whenever a file has ended."""
        self.limits.append(order.options.bandwidth_limit)
        return MemoryTransport.pull(self, order, credential, _Hourly(watcher, self.house))


class _Hourly:
    def __init__(self, inner: Watcher, house: House) -> None:
        self._inner = inner
        self._house = house

    def progress(self, progress: TransferProgress) -> None:
        self._inner.progress(progress)
        self._house.clock.advance(3600)

    def log(self, line: str, *, level: str = "info") -> None:
        self._inner.log(line, level=level)

    def is_cancelled(self) -> bool:
        return self._inner.is_cancelled()


@pytest.mark.parametrize("can_resume", [True, False])
def test_between_two_files_the_speed_changes_with_every_rsync(tmp_path: Path, *, can_resume: bool) -> None:
    transport = Files(can_resume=can_resume)
    run, _ = backed_up(tmp_path, transport)
    assert run.outcome is RunOutcome.SUCCEEDED
    assert transport.limits == [2 * M, None, 5 * M]
    assert [attempt.error_code for attempt in run.attempts] == ["transfer-interrupted"] * 2 + [""]
