"""A whole life of a backup, on real files over a real sshd, seen from outside through the HTTP API.

`make demo` runs it. Everything happens in one folder of its own and on the loopback; the folder stays
so that one can look around, nothing else does. The exit status is 0 only if every restored file is
exactly as it was: names, bytes, times to the nanosecond, modes, link targets.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout, not installed

from scripts.demo_parts.client import Api, ApiError  # found by the line above
from scripts.demo_parts.places import Places
from scripts.demo_parts.processes import (
    DemoError,
    bck_program,
    left_behind,
    run_bck,
    served,
    stop_on_signals,
)
from scripts.demo_parts.screen import Screen, shortened, size
from scripts.demo_parts.trees import (
    MOST_BYTES,
    MOST_FILES,
    Copied,
    change_tree,
    copy_tree,
    default_source,
    differences,
    set_aside,
)
from tests.support.sshd import LoopbackSshd, running_sshd, sshd_program

ADMIN = "admin"


class Demo:
    """The story, step by step. Collects what is not as it should be."""

    def __init__(self, places: Places, source: Path, screen: Screen) -> None:
        self._places = places
        self._source = source
        self._screen = screen
        self._runs: list[Mapping[str, Any]] = []
        self.failures: list[str] = []

    def play(self) -> None:
        """All of it. Raises DemoError, ApiError when it cannot go on."""
        places, screen = self._places, self._screen
        screen.step(f"A folder to back up: a copy of {self._source}")
        self._prepare_tree()
        screen.step("A PC and a backup server, both on this machine")
        password = secrets.token_urlsafe(16)
        with running_sshd(places.root / "pc" / "sshd", as_installed=True) as pc:
            screen.line(f"the PC: an sshd with its own keys on 127.0.0.1:{pc.port}, account {pc.user}")
            run_bck(
                places.home,
                *("init", "--storage", str(places.storage), "--admin", ADMIN, "--password-stdin"),
                stdin=password + "\n",
            )
            with served(places.home, places.log) as address:
                screen.line(f"the server: {address['url']}, its certificate pinned to {address['ca']}")
                self._life(Api(int(address["port"]), str(address["ca"])), pc, password)

    def _prepare_tree(self) -> None:
        places, screen = self._places, self._screen
        places.documents.parent.mkdir()
        copied = copy_tree(self._source, places.documents)
        if not copied.files:
            raise DemoError(f"{self._source} holds no file that can be read.")
        for line in _about(copied):
            screen.line(line)
        set_aside(places.documents, places.aside)
        screen.line(f"a second copy is kept aside in {places.aside}, to compare with")

    def _life(self, api: Api, pc: LoopbackSshd, password: str) -> None:
        screen = self._screen
        screen.step("Sign in, add the PC and a profile (from here on only through the HTTP API)")
        screen.line(f"signed in as {ADMIN}, role {api.sign_in(ADMIN, password)}")
        self._configure(api, pc)
        screen.step("First backup")
        first = self._backup(api)
        screen.step("Work goes on at the PC: files are edited, added, renamed, deleted")
        for change in change_tree(self._places.documents):
            screen.line(str(change))
        screen.step("Second backup")
        self._backup(api)
        screen.step("The restore points")
        self._show_points(api)
        screen.step("Bring the first point back, and compare it with the copy kept aside")
        self._restore(api, str(first["point"]), "first", self._places.aside)
        screen.step("Bring the latest point back, and compare it with what is on the PC now")
        self._restore(api, "latest", "latest", self._places.documents)

    def _configure(self, api: Api, pc: LoopbackSshd) -> None:
        api.post(
            "/hosts",
            {
                "name": "pc1",
                "address": pc.address,
                "port": pc.port,
                "user": pc.user,
                "private_key": pc.login.private,
                "allow": [str(self._places.documents)],
                "trust_on_first_use": True,
            },
        )
        facts = api.post("/hosts/pc1/probe")
        self._screen.line(f"pc1 answers: rsync {facts['rsync_version']}, its host key is pinned")
        api.post(
            "/profiles",
            {"name": "documents", "host": "pc1", "sources": [{"path": str(self._places.documents)}]},
        )
        self._screen.line(f"profile documents: pc1:{self._places.documents}")

    def _backup(self, api: Api) -> Mapping[str, Any]:
        key = secrets.token_hex(8)
        started = api.post("/backup/start", {"profile": "documents"}, key=key)
        again = api.post("/backup/start", {"profile": "documents"}, key=key)
        if again["job"]["job_id"] != started["job"]["job_id"]:
            raise DemoError("The same request sent twice made two jobs.")
        job = self._followed(api, "backup", started["job"]["job_id"])
        result: Mapping[str, Any] = job["result"]
        counts = result["counts"]
        self._runs.append(result)
        self._screen.good(
            f"run {result['run_id']}, {_seconds(job):.1f} s: "
            f"{counts['files']:,} files, {size(counts['bytes'])}; {counts['added']:,} added, "
            f"{counts['changed']:,} changed, {counts['gone']:,} gone"
        )
        return result

    def _followed(self, api: Api, kind: str, job_id: str) -> Mapping[str, Any]:
        job = self._screen.follow(api.events(f"/{kind}/events/{job_id}"))
        if job is None:
            raise DemoError("The event stream ended before the job did.")
        if job["status"] != "succeeded":
            error = job["error"] or {}
            said = " ".join(error.get(part, "") for part in ("what", "meaning", "advice"))
            raise DemoError(f"The {kind} ended as {job['status']}: {said}")
        found: Mapping[str, Any] = api.get(f"/{kind}/status/{job_id}")
        return found

    def _show_points(self, api: Api) -> None:
        points = api.get("/profiles/documents/points")["items"]
        for point in points:
            self._screen.line(
                f"{point['point']}  number {point['seq']}, {point['outcome']}, {point['files']:,} files, "
                f"{size(point['bytes'])}, +{point['added']} ~{point['changed']} -{point['gone']}"
            )
        if len(points) != 2:
            self.failures.append(f"there are {len(points)} restore points, not 2")

    def _restore(self, api: Api, point: str, name: str, expected: Path) -> None:
        folder = self._places.restored / name
        started = api.post("/restore/start", {"profile": "documents", "point": point, "to": str(folder)})
        job = self._followed(api, "restore", started["job"]["job_id"])
        result = job["result"]
        self._screen.line(
            f"{result['files']:,} files, {size(result['bytes'])}, {_seconds(job):.1f} s, in {folder}"
        )
        compared, lines = differences(expected, folder / "documents")
        if not lines:
            self._screen.good(
                f"all {compared:,} paths are exactly the same: names, bytes, times, modes, link targets"
            )
        for line in shortened(lines, 10):
            self._screen.bad(line)
        self.failures += [f"{len(lines)} differences in the {name} point"] if lines else []

    def summary(self) -> None:
        """What happened, and where to look."""
        places, screen = self._places, self._screen
        screen.step("Where to look")
        second = str(self._runs[-1]["run_id"])
        screen.table(
            (
                ("newest copy, plain files", str(places.storage / "current" / "pc1" / "documents")),
                ("what run 2 displaced", str(places.storage / ".history" / second)),
                ("how to restore without us", str(places.storage / "README.txt")),
                ("the restored folders", str(places.restored)),
                ("the server's log, JSON lines", str(places.log)),
                (
                    "settings, database, keys",
                    f"{places.home}  (BCK_HOME={places.home} {bck_program()} points documents)",
                ),
            )
        )


def _seconds(job: Mapping[str, Any]) -> float:
    """How long a job took."""
    started, finished = (datetime.fromisoformat(job[name]) for name in ("started", "finished"))
    return (finished - started).total_seconds()


def _about(copied: Copied) -> Iterator[str]:
    yield (
        f"{copied.files:,} files, {copied.links:,} links, {copied.folders:,} folders, {size(copied.bytes)}"
    )
    if copied.cut:
        yield f"the rest is left out: at most {MOST_FILES:,} files and {size(MOST_BYTES)} are taken"
    if copied.unreadable:
        yield f"{copied.unreadable:,} could not be read and are left out"
    if copied.special:
        yield f"{copied.special:,} sockets, pipes or devices are left out"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Show a whole life of a backup.")
    parser.add_argument("--src", type=Path, metavar="FOLDER", help="what to back up; a copy is used")
    keep = parser.add_mutually_exclusive_group()
    keep.add_argument("--keep", action="store_true", help="leave the folder for looking around (default)")
    keep.add_argument("--clean", action="store_true", help="remove the folder at the end")
    return parser.parse_args()


def _folder() -> Path:
    """An empty folder: the one that scripts/demo made, or a fresh one."""
    given = os.environ.get("BCK_DEMO_DIR")
    return Path(given) if given else Path(tempfile.mkdtemp(prefix="bck-demo."))


def _told(demo: Demo, screen: Screen) -> int:
    """Play and say how it went; the exit status."""
    try:
        demo.play()
        demo.summary()
    except (DemoError, ApiError, OSError) as error:
        demo.failures.append(str(error))
    except KeyboardInterrupt:
        demo.failures.append("interrupted")
    for failure in demo.failures:
        screen.bad(failure)
    return 1 if demo.failures else 0


def main() -> int:
    """Set the stage, play, clear up; 0 if everything was as it should be."""
    arguments, screen = _arguments(), Screen()
    stop_on_signals()
    source = arguments.src or default_source()
    if not sshd_program() or not shutil.which("rsync"):
        screen.bad("rsync, openssh-client and openssh-server are needed; 'make demo' installs them.")
        return 2
    if not source.is_dir():
        screen.bad(f"{source} is not a folder.")
        return 2
    folder = _folder()
    screen.title(f"Backup Orchestrator: one backup's life, in {folder}")
    try:
        status = _told(Demo(Places(folder), source, screen), screen)
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            left = left_behind(folder)
            if arguments.clean:
                shutil.rmtree(folder, ignore_errors=True)
    for process in left:
        screen.bad(f"a process was left behind: {process}")
    if not arguments.clean:
        screen.line(f"Remove it all with: rm -rf {folder}")
    word = "Everything came back exactly." if not status and not left else "Something went wrong; see above."
    screen.title(
        f"\n{word} {screen.seconds():.0f} seconds, no process left behind." if not left else f"\n{word}"
    )
    return status or (1 if left else 0)


if __name__ == "__main__":
    sys.exit(main())
