"""A fleet: many PCs, each an address that some sshd listens on, runner and API processes on one database.

What the PCs held at each round is kept here, by the test, and never taken from the program.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Self

import httpx2

from bck_apps.runner.presence import serve_is_up
from bck_apps.wiring import Application, database_place, initialise
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.job import JobStatus
from bckcore.domain.profile import Profile
from bckcore.domain.secret import Secret
from bckcore.domain.source import parsed_sources
from tests.support.api_process import address_of
from tests.support.cli import PASSWORD, PATIENCE, Bck, Running, eventually
from tests.support.https import client_of
from tests.support.sshd import LoopbackSshd, descendants
from tests.support.trees import Standing, standing_below

if TYPE_CHECKING:
    from bck_apps.api import Address

USER = "ann"
FILES = 6
LISTENS = 15
"""Addresses of one sshd; it can have one more."""
SLOTS = 3
"""Jobs at once in each runner."""
CALM = {"BCK_CHECK__ENABLED": "false", "BCK_SCHEDULER__ENABLED": "false", "BCK_RUNNER__JOBS": str(SLOTS)}
Worlds = dict[ProfileId, list[dict[bytes, Standing]]]
State = Mapping[bytes, Standing]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large it is. Each profile is asked for once in each of two rounds."""

    hosts: int
    profiles: int
    """Of each host."""


def addresses(count: int) -> tuple[str, ...]:
    """Loopback addresses, one for each PC."""
    return tuple(f"127.9.{number // 250}.{number % 250 + 1}" for number in range(count))


@contextmanager
def many_addresses(folder: Path, count: int) -> Iterator[list[LoopbackSshd]]:
    """Few sshd that listen wherever the PCs are."""
    wanted = addresses(count)
    parts = [wanted[start : start + LISTENS] for start in range(0, count, LISTENS)]
    with ExitStack() as stack:
        started = list[LoopbackSshd]()
        for number, part in enumerate(parts):
            sshd = LoopbackSshd(folder / f"{number}", ("MaxStartups 500",), more_addresses=part)
            sshd.start()
            stack.callback(sshd.stop)
            started.append(sshd)
        yield started


@dataclass(slots=True)
class Fleet:
    """The PCs, what they held, and the installation that backs them up."""

    folder: Path
    plan: Plan
    sshds: list[LoopbackSshd]
    bck: Bck
    application: Application
    held: Worlds = field(default_factory=lambda: defaultdict(list))
    chance: Random = field(default_factory=lambda: Random(4))

    def enter(self) -> None:
        """Make the PCs and tell the installation of them."""
        for number, address in enumerate(addresses(self.plan.hosts)):
            pc = self.folder / f"pc{number}"
            sshd = self.sshds[number // LISTENS]
            host = replace(sshd.host(name=pc.name, roots=(str(pc),)), address=address)
            self.application.hosts.add(host, key=sshd.key)
            for each in range(self.plan.profiles):
                docs = pc / f"docs{each}"
                docs.mkdir(parents=True)
                profile = ProfileId(f"{pc.name}-{each}")
                sources = parsed_sources([f"docs={docs}"])
                self.application.profiles.add(Profile(id=profile, host=HostId(pc.name), sources=sources))

    def work(self, round_number: int) -> None:
        """People use their PCs: files come, change and go. What is there then is remembered."""
        for profile, docs in self.docs().items():
            for number in range(round_number, round_number + FILES):
                name = docs / f"f{number}"
                if not name.exists() or number % 2:
                    name.write_bytes(self.chance.randbytes(self.chance.randrange(1, 60_000)))
            if round_number:
                (docs / "f0").unlink()
            self.held[profile].append(standing_below(docs))

    def docs(self) -> dict[ProfileId, Path]:
        """Each profile's folder on its PC."""
        return {
            ProfileId(f"pc{number}-{each}"): self.folder / f"pc{number}" / f"docs{each}"
            for number in range(self.plan.hosts)
            for each in range(self.plan.profiles)
        }

    def second_home(self) -> Bck:
        """A home for a further runner, on the same database and storage; it knows the same secrets."""
        url = self.application.database_state().address
        other = Bck(self.bck.folder / "second", {**self.bck.settings, "BCK_DATABASE__URL": url})
        other.folder.mkdir()
        left_out = shutil.ignore_patterns("run", "bck.sqlite3*")
        shutil.copytree(self.bck.home, other.home, ignore=left_out)
        return other

    def unfinished(self) -> bool:
        """Whether any job is still to be done."""
        waiting = (JobStatus.QUEUED, JobStatus.RUNNING)
        return bool(self.application.jobs.list(status=waiting, limit=1))

    @property
    def total(self) -> int:
        """Jobs in all."""
        return 2 * self.plan.hosts * self.plan.profiles


@contextmanager
def made_fleet(tmp_path: Path, plan: Plan, *, url: str = "") -> Iterator[Fleet]:
    """An installation, on PostgreSQL where a ``url`` is given, that knows all PCs."""
    (tmp_path / "server").mkdir()
    bck = Bck(tmp_path / "server", CALM)
    place = database_place(url) if url else None
    with (
        many_addresses(tmp_path / "sshd", plan.hosts) as sshds,
        initialise(
            bck.home, storage=bck.storage, admin=USER, password=Secret(PASSWORD), database=place
        ) as application,
    ):
        fleet = Fleet(tmp_path / "pcs", plan, sshds, bck, application)
        fleet.enter()
        yield fleet


# --- processes ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class RunnerProcess:
    """A runner of its own, which can be killed and started again."""

    bck: Bck
    process: Running | None = None

    def __enter__(self) -> Self:
        self.process = self.bck.start("serve", "--only", "runner")
        assert eventually(lambda: serve_is_up(self.bck.home)), (self.bck.folder / "stderr.log").read_text()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.process.terminate()
            self._gone()

    def transfers(self) -> bool:
        """Whether an rsync of it is at work."""
        assert self.process is not None
        return any(command_of(pid)[:1] == [b"rsync"] for pid in descendants(self.process.pid))

    def kill_in_the_middle(self) -> None:
        """kill -9 while it transfers."""
        assert eventually(self.transfers)
        assert self.process is not None
        self.process.kill()
        self._gone()

    def _gone(self) -> None:
        assert self.process is not None
        self.process.wait(PATIENCE)
        self.process = None


@contextmanager
def api_processes(bck: Bck, count: int) -> Iterator[list[Address]]:
    """So many of them over one home."""
    with ExitStack() as stack:
        started = (bck.serving("--only", "api") for _ in range(count))
        yield [address_of(stack.enter_context(one)[1]) for one in started]


# --- asking -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Answers:
    """Which jobs each idempotency key was answered with, and how often a job was new."""

    jobs: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    created: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str, answer: httpx2.Response) -> None:
        """Note one."""
        assert answer.status_code == 202, answer.text
        found = answer.json()
        with self.lock:
            self.jobs[key].add(found["job"]["job_id"])
            self.created[key] += found["created"]


def ask(
    where: Sequence[Address], profiles: Sequence[ProfileId], prefix: str, *, chance: Random, threads: int = 6
) -> Answers:
    """Ask for a backup of each profile from several threads, three times with the same key, in any order."""
    wanted = [profile for profile in profiles for _ in range(3)]
    chance.shuffle(wanted)
    answers, errors = Answers(), list[BaseException]()
    token = token_of(where[0])

    def work(number: int) -> None:
        try:
            for turn, profile in enumerate(wanted[number::threads]):
                key = f"{prefix}-{profile}"
                client = clients[number][turn % len(where)]
                headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
                answers.take(key, _sent(client, profile, headers))
        except BaseException as error:  # noqa: BLE001  # raised again below
            errors.append(error)

    with ExitStack() as stack:
        clients = [
            [stack.enter_context(client_of(address.url, address.ca)) for address in where]
            for _ in range(threads)
        ]
        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    if errors:
        raise errors[0]
    return answers


def _sent(client: httpx2.Client, profile: ProfileId, headers: dict[str, str]) -> httpx2.Response:
    """The answer. A server hangs up on connections that were silent for long, perhaps at this very moment;
    then nobody knows whether the request was heard, and it is sent again: that is what its key is for."""
    for _ in range(5):
        with suppress(httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
            return client.post("/backup/start", json={"profile": profile}, headers=headers)
    return client.post("/backup/start", json={"profile": profile}, headers=headers)


def token_of(address: Address) -> str:
    """Any API process of the home takes it."""
    with client_of(address.url, address.ca) as client:
        answer = client.post("/auth/login", json={"name": USER, "password": PASSWORD})
        return str(answer.json()["access_token"])


# --- watching -----------------------------------------------------------------------------------------------


def command_of(pid: int) -> list[bytes]:
    """A process's words; empty when it is gone."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        return [words[0].rpartition(b"/")[2], *words[1:]]
    return []


class Onlooker:
    """Looks at the machine's processes, as `ps` does, for two profiles of one PC under transfer at a time.

    Two are at work at once only if both are seen in two looks, one after the other: then each lived at the
    end of the first.
    """

    def __init__(self, storage: Path) -> None:
        self._mark = os.fsencode(storage / "current") + b"/"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.together: list[tuple[str, set[str]]] = []
        self.seen: set[str] = set()
        """Hosts that were seen under transfer."""
        self.most = 0
        """Profiles at once, of all hosts."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            self._look()

    def _look(self) -> None:
        first = self._transfers()
        self.seen |= {host for host, _ in first.values()}
        again = {pid: at for pid, at in first.items() if self._place_of(pid) == at}
        self.most = max(self.most, len(set(again.values())))
        by_host = defaultdict[str, set[str]](set)
        for host, profile in again.values():
            by_host[host].add(profile)
        self.together += [(host, profiles) for host, profiles in by_host.items() if len(profiles) > 1]

    def _transfers(self) -> dict[int, tuple[str, str]]:
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return {pid: place for pid in pids if (place := self._place_of(pid)) is not None}

    def _place_of(self, pid: int) -> tuple[str, str] | None:
        """Host and profile of the transfer that this process is part of."""
        words = command_of(pid)
        if words[:1] != [b"rsync"]:
            return None
        for word in words[1:]:
            before, mark, after = word.partition(self._mark)
            if mark and not before:
                host, profile = os.fsdecode(after).split("/")[:2]
                return host, profile
        return None
