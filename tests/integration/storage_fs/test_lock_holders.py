"""Who holds a storage lock is written beside it, and what has no right to it any more is ended."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bck_adapters.clock import SystemClock
from bck_adapters.processes import LinuxProcesses
from bck_adapters.storage_fs import FsStorage
from bck_adapters.storage_fs.lock_record import Noted, decoded
from bckcore.domain.holder import Holder
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.run import ProfileRef
from bckcore.errors import JobCancelledError, StoreBusyError

REF = ProfileRef(host=HostId("pc1"), profile=ProfileId("docs"))
MINE = JobId("mine")
PATIENCE = 60.0
GRACE = 0.3


@dataclass
class Right:
    """A job that wants the lock; ``over`` are the tokens that hold no longer."""

    job: JobId = MINE
    token: str = "t2"
    over: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    waited: list[str] = field(default_factory=list)
    cancelled: bool = False

    def is_cancelled(self) -> bool:
        return self.cancelled

    def is_over(self, job: JobId, token: str) -> bool:
        self.asked.append((job, token))
        return token in self.over

    def tell(self, sentence: str) -> None:
        self.told.append(sentence)

    def wait(self, sentence: str) -> None:
        self.waited.append(sentence)


@pytest.fixture
def storage(tmp_path: Path) -> FsStorage:
    made = FsStorage(tmp_path / "store", processes=LinuxProcesses())
    made.prepare()
    made.let_go_seconds = GRACE
    return made


def lock_file(tmp_path: Path) -> Path:
    return tmp_path / "store" / ".work" / "locks" / "pc1+docs.lock"


def record_file(tmp_path: Path) -> Path:
    return lock_file(tmp_path).with_suffix(".holder")


def noted(tmp_path: Path) -> Noted:
    found = decoded(record_file(tmp_path).read_bytes())
    assert found is not None
    return found


HOLDING = """
import subprocess, sys
from pathlib import Path
from bck_adapters.clock import SystemClock
from bck_adapters.processes import LinuxProcesses
from bck_adapters.storage_fs import FsStorage
from tests.integration.storage_fs.test_lock_holders import REF, Right
storage = FsStorage(Path(sys.argv[1]), processes=LinuxProcesses())
with storage.lock(REF, wait_seconds=0, right=Right(job="theirs", token="t1")) as lock:
    transfer = None
    if sys.argv[2] == "transfer":
        code = "import signal; print('up', flush=True); signal.pause()"
        transfer = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE,
            pass_fds=[lock.fd], start_new_session=True,
        )
        transfer.stdout.readline()
        lock.note_group(transfer.pid)
    print(transfer.pid if transfer else 0, flush=True)
    sys.stdin.readline()
    if transfer:
        transfer.kill()
        transfer.communicate()
"""


@contextmanager
def holding(tmp_path: Path, what: str = "alone") -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process that holds the lock for job ``theirs`` and token ``t1``; with the number of its transfer.

    Its transfer, when it has one, stands in a session of its own and inherits the lock.
    """
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(tmp_path / "store"), what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    transfer = int(process.stdout.readline())
    handle = os.pidfd_open(transfer) if transfer else -1
    try:
        yield process, transfer
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()
        if transfer:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.close(handle)


def test_the_holder_is_written_down_while_it_holds_and_not_longer(storage: FsStorage, tmp_path: Path) -> None:
    right = Right()
    with storage.lock(REF, wait_seconds=0, right=right) as lock:
        found = noted(tmp_path)
        assert found == Noted(holder=LinuxProcesses().me(), job=right.job, token=right.token)
        lock.note_group(os.getppid())
        assert [group.pid for group in noted(tmp_path).groups] == [os.getppid()]
        assert record_file(tmp_path).stat().st_mode & 0o777 == 0o600
        names = {path.name for path in record_file(tmp_path).parent.iterdir()}
        assert names == {"setup.lock", "pc1+docs.lock", "pc1+docs.holder"}
    assert not record_file(tmp_path).exists()
    with storage.lock(REF, wait_seconds=0):
        assert (noted(tmp_path).job, noted(tmp_path).token) == ("", "")


def test_a_frozen_holder_whose_claim_is_over_is_ended_and_the_lock_is_had(
    storage: FsStorage, tmp_path: Path
) -> None:
    with holding(tmp_path) as (process, _):
        os.kill(process.pid, signal.SIGSTOP)
        right = Right(over={"t1"})
        with storage.lock(REF, wait_seconds=PATIENCE, right=right):
            assert process.wait(PATIENCE) == -signal.SIGKILL
            assert noted(tmp_path).job == "mine"
        assert set(right.asked) == {("theirs", "t1")}
        assert any(f"process {process.pid}" in sentence for sentence in right.told), right.told


def test_the_transfer_that_a_dead_runner_left_is_ended_at_once(storage: FsStorage, tmp_path: Path) -> None:
    with holding(tmp_path, "transfer") as (process, transfer):
        orphan = LinuxProcesses().named(transfer)
        assert orphan is not None
        process.kill()
        process.wait()
        assert not LinuxProcesses().is_dead(orphan)
        right = Right()
        with storage.lock(REF, wait_seconds=PATIENCE, right=right):
            assert LinuxProcesses().is_dead(orphan)
        assert right.told == [
            f"Ended 1 processes of a transfer whose runner, {noted_text(process.pid)}, is gone."
        ]


def noted_text(pid: int) -> str:
    return replace(LinuxProcesses().me(), pid=pid).text


def test_a_frozen_holder_goes_with_its_transfer(storage: FsStorage, tmp_path: Path) -> None:
    with holding(tmp_path, "transfer") as (process, transfer):
        orphan = LinuxProcesses().named(transfer)
        assert orphan is not None
        os.kill(process.pid, signal.SIGSTOP)
        with storage.lock(REF, wait_seconds=PATIENCE, right=Right(over={"t1"})):
            assert LinuxProcesses().is_dead(orphan)
            assert process.wait(PATIENCE) == -signal.SIGKILL


def test_a_holder_whose_claim_holds_is_left_alone(storage: FsStorage, tmp_path: Path) -> None:
    with holding(tmp_path, "transfer") as (process, transfer):
        os.kill(process.pid, signal.SIGSTOP)
        right = Right(over=set())
        with pytest.raises(StoreBusyError), storage.lock(REF, wait_seconds=GRACE * 6, right=right):
            raise AssertionError("the lock was held")
        assert process.poll() is None
        still = LinuxProcesses().named(transfer)
        assert still is not None
        assert not LinuxProcesses().is_dead(still)
        assert right.told == []


def test_a_holder_that_lets_go_by_itself_in_time_is_not_ended(storage: FsStorage, tmp_path: Path) -> None:
    storage.let_go_seconds = PATIENCE
    with holding(tmp_path) as (process, _):
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        with storage.lock(REF, wait_seconds=PATIENCE, right=Right(over={"t1"})):
            assert process.wait(PATIENCE) == 0


@contextmanager
def given_back_when(process: subprocess.Popen[bytes], told: Callable[[], object]) -> Iterator[None]:
    """The holder lets go by itself once ``told`` is true, if that happens in time."""
    assert process.stdin is not None
    stdin = process.stdin

    def let_go() -> None:
        if SystemClock().wait(PATIENCE, until=lambda: bool(told())):
            stdin.write(b"\n")
            stdin.flush()

    thread = Thread(target=let_go)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_job_waits_for_a_lock_as_long_as_it_takes_and_says_so_once(
    storage: FsStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bck_adapters.storage_fs.locks.LOCK_WAIT_SECONDS", 0.0)
    monkeypatch.setattr("bck_adapters.storage_fs.locks.TELL_SECONDS", GRACE)
    right = Right()
    with (
        holding(tmp_path) as (process, _),
        given_back_when(process, lambda: right.waited),
        storage.lock(REF, right=right),
    ):
        assert process.wait(PATIENCE) == 0
    [sentence] = right.waited
    assert "This job waits until it is free" in sentence
    assert right.told == []


def test_a_person_waits_for_a_lock_for_a_while_only(
    storage: FsStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bck_adapters.storage_fs.locks.LOCK_WAIT_SECONDS", GRACE)
    right = Right(job=JobId(""))
    with holding(tmp_path):
        for whose in (None, right):
            with pytest.raises(StoreBusyError), storage.lock(REF, right=whose):
                raise AssertionError("the lock was held")
    assert right.waited == []


def changed(tmp_path: Path, **values: object) -> None:
    """The record names another holder than the one that is there."""
    told: dict[str, Any] = json.loads(record_file(tmp_path).read_bytes())
    told["holder"] |= values
    for group in told["groups"]:
        group.update(values)
    record_file(tmp_path).write_text(json.dumps(told))


@pytest.mark.parametrize("away", ["machine", "boot", "space"])
def test_a_holder_on_another_machine_is_waited_for_and_told_of_once(
    storage: FsStorage, tmp_path: Path, away: str
) -> None:
    with holding(tmp_path, "transfer") as (process, _):
        changed(tmp_path, **{away: "other"})
        right = Right(over={"t1"})
        with pytest.raises(StoreBusyError), storage.lock(REF, wait_seconds=GRACE * 6, right=right):
            raise AssertionError("the lock was held")
        assert process.poll() is None
        assert len(right.told) == 1
        assert "only that machine can end" in right.told[0]


def test_a_process_that_merely_has_the_number_of_the_holder_is_not_ended(
    storage: FsStorage, tmp_path: Path
) -> None:
    """The record is of a runner that is long gone; its number, and that of its transfer, name others now."""
    with holding(tmp_path, "transfer") as (process, transfer):
        changed(tmp_path, started=1)
        right = Right(over={"t1"})
        with pytest.raises(StoreBusyError), storage.lock(REF, wait_seconds=GRACE * 6, right=right):
            raise AssertionError("the lock was held")
        assert process.poll() is None
        still = LinuxProcesses().named(transfer)
        assert still is not None
        assert not LinuxProcesses().is_dead(still)
        assert right.told == []


def test_another_thread_of_this_process_is_waited_for(storage: FsStorage) -> None:
    right = Right(over={"t2"})
    with storage.lock(REF, wait_seconds=0, right=right):
        with pytest.raises(StoreBusyError), storage.lock(REF, wait_seconds=GRACE * 4, right=right):
            raise AssertionError("the lock was held")
        assert (right.asked, right.told) == ([], [])


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"holder": 3}', b"\xff\xfe"])
def test_a_record_that_cannot_be_understood_is_no_record(
    storage: FsStorage, tmp_path: Path, raw: bytes
) -> None:
    with holding(tmp_path) as (process, _):
        record_file(tmp_path).write_bytes(raw)
        with (
            pytest.raises(StoreBusyError),
            storage.lock(REF, wait_seconds=GRACE * 4, right=Right(over={"t1"})),
        ):
            raise AssertionError("the lock was held")
        assert process.poll() is None


def test_a_record_comes_back_as_it_was_written() -> None:
    holder = Holder(machine="m", boot="b", space="s", pid=1, started=2, host_name="ü")
    one = Noted(holder=holder, job=JobId("j"), token="t", groups=(replace(holder, pid=3),))
    assert decoded(one.encoded()) == one


def test_who_is_told_to_stop_waits_no_longer(storage: FsStorage) -> None:
    right = Right(cancelled=True)
    with (
        storage.lock(REF, wait_seconds=0),
        pytest.raises(JobCancelledError),
        storage.lock(REF, wait_seconds=PATIENCE * 60, right=right),
    ):
        raise AssertionError("the lock was held")
