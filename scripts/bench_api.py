"""The API beside its own bare answer: requests per second, time to the first byte, delay of events.

The API is a process of its own over HTTPS and SQLite; the runner works here, as ``bck runner`` would.

* ``enqueue`` starts backups of as many profiles as there are requests, ``status`` asks for one job, and
  ``health`` is the peer: a route that does nothing. All over kept connections, several at once.
* ``first byte``: from the request for a backup to the moment when a changed file stands in the storage. Its
  peer is the same rsync run by hand.
* ``events``: from a line that the work writes, and from a file that rsync has put in its place, to the
  moment when a client knows of it.
"""

import http.client
import json
import os
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

from bck_apps.api import Address
from bck_apps.runner.execution import Execution
from bck_apps.runner.main import made_runner
from bck_apps.wiring import Application
from bckcore.domain.ids import JobId, ProfileId
from bckcore.domain.job import JobResult, JobStatus
from bckcore.domain.transfer import TransferOptions
from bckcore.ports.job_queue import Claim
from bckcore.ports.transport import Watcher
from bckcore.services.worker import Ending
from scripts.bench_parts import DOCS, build_tree, local_installation
from tests.support.api_process import api_process

CLIENTS = 4
REQUESTS = 400
FILES = 2_000
LINES = 60
PATIENCE = 120.0
PASSWORD = "bench bench bench"


@dataclass(slots=True)
class Caller:
    """A signed-in client with one kept connection."""

    address: Address
    token: str = ""
    _connection: http.client.HTTPSConnection | None = None

    def open(self) -> http.client.HTTPSConnection:
        """The connection."""
        if self._connection is None:
            parts = urlsplit(self.address.url)
            context = ssl.create_default_context(cafile=self.address.ca)
            self._connection = http.client.HTTPSConnection(parts.hostname or "", parts.port, context=context)
        return self._connection

    def call(self, method: str, path: str, body: object = None) -> dict[str, object]:
        """One request; ends the bench unless it is answered well."""
        answer = self.asked(method, path, body)
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {text!r}")
        found: dict[str, object] = json.loads(text)
        return found

    def asked(self, method: str, path: str, body: object = None) -> http.client.HTTPResponse:
        """One request; the answer is still to be read."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection = self.open()
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        return connection.getresponse()


def signed_in(address: Address) -> Caller:
    """A caller with a token."""
    caller = Caller(address)
    answer = caller.call("POST", "/auth/login", {"name": "bench", "password": PASSWORD})
    return Caller(address, str(answer["access_token"]))


def rates(address: Address, token: str, requests: Callable[[int], tuple[str, str, object]]) -> list[float]:
    """Seconds of each of REQUESTS requests, CLIENTS at once; the last entry is what all took together."""
    numbers = iter(range(REQUESTS))

    def work(_client: int) -> list[float]:
        caller, taken = Caller(address, token), list[float]()
        caller.call("GET", "/health")
        while (number := next(numbers, None)) is not None:
            asked = requests(number)
            started = time.perf_counter()
            caller.call(*asked)
            taken.append(time.perf_counter() - started)
        return taken

    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        all_taken = [seconds for part in pool.map(work, range(CLIENTS)) for seconds in part]
    return [*all_taken, time.perf_counter() - started]


def told_rates(address: Address, token: str, job: JobId) -> None:
    """Requests per second and their slowest hundredth, beside a route that does nothing."""
    kinds: dict[str, Callable[[int], tuple[str, str, object]]] = {
        "health": lambda _: ("GET", "/health", None),
        "status": lambda _: ("GET", f"/backup/status/{job}", None),
        "enqueue": lambda number: ("POST", "/backup/start", {"profile": f"p{number}"}),
    }
    per_second = dict[str, float]()
    for name, request in kinds.items():
        *taken, whole = rates(address, token, request)
        p99 = statistics.quantiles(taken, n=100)[98]
        per_second[name] = len(taken) / whole
        beside = per_second[name] / per_second["health"]
        print(
            f"{name}: {per_second[name]:.0f}/s, median {statistics.median(taken) * 1000:.1f} ms, "
            f"p99 {p99 * 1000:.1f} ms, {beside:.2f} x health",
            flush=True,
        )


@contextmanager
def working(application: Application) -> Iterator[None]:
    """A runner at work."""
    runner = made_runner(application, name="bench")
    thread = Thread(target=runner.run)
    thread.start()
    try:
        yield
    finally:
        runner.stop()
        thread.join()


def seconds_until(condition: Callable[[], bool]) -> float:
    """Seconds until it holds. Nobody tells of files in a folder, so it is looked at every 2 ms."""
    started, pause = time.perf_counter(), Event()
    while not condition():
        if time.perf_counter() - started > PATIENCE:
            raise SystemExit("What was waited for did not come.")
        pause.wait(0.002)
    return time.perf_counter() - started


def changed(tree: Path, number: int) -> bytes:
    """New content for the first file of the tree, of another size: rsync by hand does not see more than
    one change in a second."""
    data = b"%20d" % number + os.urandom(50 + number)
    (tree / "a0" / "b0" / "file-0.dat").write_bytes(data)
    return data


def told_first_byte(address: Address, application: Application, tree: Path, rounds: int) -> None:
    """From the request to the file, beside rsync by hand."""
    stored = application.settings.storage.root / "current" / "here" / DOCS / "docs"
    by_hand = application.settings.storage.root.parent / "by-hand"
    ours, bare = list[float](), list[float]()
    for number in range(rounds + 1):
        caller = signed_in(address)  # anew: the server hangs up on connections that say nothing for long
        data = changed(tree, number)
        started = time.perf_counter()
        job = caller.call("POST", "/backup/start", {"profile": DOCS})["job"]
        seconds_until(lambda data=data: _holds(stored, data))  # type: ignore[misc]  # a default argument
        ours.append(time.perf_counter() - started)
        seconds_until(lambda job=job: _over(application, job))  # type: ignore[misc]
        started = time.perf_counter()
        with subprocess.Popen(["rsync", "-a", f"{tree}/", f"{by_hand}/"]):
            seconds_until(lambda data=data: _holds(by_hand, data))  # type: ignore[misc]
            bare.append(time.perf_counter() - started)
    mine, theirs = statistics.median(ours[1:]), statistics.median(bare[1:])
    print(
        f"first byte: {mine:.2f} s ({min(ours[1:]):.2f}-{max(ours[1:]):.2f}), rsync by hand {theirs:.2f} s, "
        f"{mine / theirs:.2f} x, {mine - theirs:+.2f} s",
        flush=True,
    )


def _holds(folder: Path, data: bytes) -> bool:
    try:
        return (folder / "a0" / "b0" / "file-0.dat").read_bytes() == data
    except FileNotFoundError:
        return False


def _over(application: Application, job: object) -> bool:
    assert isinstance(job, dict)  # the answer to a start names its job
    return application.jobs.get(JobId(str(job["job_id"]))).status.final


def events(caller: Caller, job: str) -> Iterator[tuple[str, dict[str, object], float]]:
    """Name, data and moment of each event as it arrives."""
    answer = caller.asked("GET", f"/backup/events/{job}")
    fields = dict[str, str]()
    while line := answer.readline():
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif "event" in fields:
            yield fields["event"], json.loads(fields["data"]), time.time()
            fields = {}


def told_line_delay(caller: Caller, application: Application) -> None:
    """From a line that the work writes to the client."""
    pause, written = Event(), count()

    def script(_claim: Claim, watcher: Watcher) -> Ending:
        for _ in range(LINES):
            pause.wait(0.137)  # so that lines fall on every part of the intervals
            watcher.log(f"{time.time()} {next(written)}")
        return JobStatus.SUCCEEDED, JobResult()

    class Writes:
        carry_out = staticmethod(script)

    job = application.jobs.start_backup(DOCS, requested_by="bench").job.id
    claim = application.queue.claim("bench", lease_seconds=60, only=job)
    if claim is None:
        raise SystemExit("The queue did not give the job out.")
    execution = Execution(
        claim, queue=application.queue, worker=Writes(), clock=application.clock, lease_seconds=60
    )
    thread = Thread(target=execution.carry_out)
    thread.start()
    delays = [
        at - float(str(data["text"]).split()[0]) for name, data, at in events(caller, job) if name == "log"
    ]
    thread.join()
    _told("a log line", delays)


def told_file_delay(caller: Caller, application: Application) -> None:
    """From a file that rsync has put in its place to the progress that counts it."""
    stored = application.settings.storage.root / "current" / "here" / "slow" / "docs"
    plan = application.profiles.get(DOCS)
    slow = TransferOptions(bandwidth_limit=700_000)
    application.profiles.add(replace(plan, id=ProfileId("slow"), options=slow, created=None))
    job = caller.call("POST", "/backup/start", {"profile": "slow"})["job"]
    assert isinstance(job, dict)  # the answer to a start names its job
    told = [
        (at, int(str(data["files_done"])))
        for name, data, at in events(caller, str(job["job_id"]))
        if name == "progress" and data["phase"] == "transferring"
    ]
    arrived = sorted(path.stat().st_ctime for path in stored.rglob("*.dat"))
    _told("a file that arrived", [at - arrived[count - 1] for at, count in told if count])


def _told(what: str, delays: list[float]) -> None:
    if len(delays) < 2:
        raise SystemExit(f"Too few events tell of {what}.")
    print(
        f"events: {what} is known after {statistics.median(delays):.2f} s "
        f"({min(delays):.2f}-{max(delays):.2f}, {len(delays)} of them)",
        flush=True,
    )


def bench_api(tmp: Path, rounds: int) -> None:
    """All parts."""
    tree = tmp / "tree"
    build_tree(tree, FILES)
    with (
        local_installation(tmp, tree) as application,
        api_process(application.home, cold=True) as (_, address),
    ):
        plan = application.profiles.get(DOCS)
        for number in range(REQUESTS):
            application.profiles.add(replace(plan, id=ProfileId(f"p{number}"), created=None))
        caller = signed_in(address)
        print(f"{CLIENTS} clients at once, {REQUESTS} requests each kind, {FILES} files", flush=True)
        told_line_delay(caller, application)
        with working(application):
            told_first_byte(address, application, tree, rounds)
            told_file_delay(signed_in(address), application)
        job = application.jobs.start_backup(DOCS, requested_by="bench").job.id
        told_rates(address, caller.token, job)
        sys.stdout.flush()
