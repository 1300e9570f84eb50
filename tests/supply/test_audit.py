"""The audit sees what a service of advisories knows, and never takes silence for a good answer."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from scripts.audit import Acceptance, Advisory, judged, read_acceptances
from scripts.locks import read_lock
from tests.architecture.source import ROOT

TOOLS = ROOT / ".venv-tools" / "bin" / "python"
LOCK = "".join(
    f"{pin} \\\n    --hash=sha256:{'0' * 64}\n"
    for pin in ("brittle==1.0", "sound==2.0", "elsewhere==3.0 ; sys_platform == 'win32'")
)
BAD = {
    "id": "PYSEC-2026-77",
    "aliases": ["CVE-2026-0077"],
    "summary": "It opens the door.",
    "affected": [
        {
            "package": {"name": "brittle", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
        }
    ],
}


@dataclass(slots=True)
class Service:
    """A service of advisories on the loopback."""

    known: Mapping[str, Any]
    url: str = ""
    asked: set[tuple[str, str]] = field(default_factory=set)
    status: int = 200


@contextmanager
def advisory_service(known: Mapping[str, Any], status: int = 200) -> Iterator[Service]:
    """Answers as OSV does; ``known`` is what there is to say about a package."""
    service = Service(known, status=status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            service.asked.add((name, asked["version"]))
            body = json.dumps({"vulns": [known[name]]} if name in known else {}).encode()
            self.send_response(service.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name it is called by
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.url = f"http://127.0.0.1:{server.server_address[1]}/v1/query"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


def audit(service: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [TOOLS, ROOT / "scripts" / "audit.py", "--service", service, *arguments]
    # Whatever proxy the machine has is not for the loopback.
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        env={"NO_PROXY": "*", **environment},
    )


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "lock.txt"
    path.write_text(LOCK)
    return path


def accepting(folder: Path, until: str) -> Path:
    path = folder / "accepted.toml"
    path.write_text(
        f'[[accepted]]\nid = "CVE-2026-0077"\npackage = "brittle"\nreason = "Not called."\nuntil = {until}\n'
    )
    return path


def test_a_locked_package_with_a_known_hole_fails_until_it_is_accepted(lock: Path, tmp_path: Path) -> None:
    with advisory_service({"brittle": BAD}) as service:
        found = audit(service.url, lock)
        assert found.returncode == 1, found.stderr
        assert "brittle 1.0: CVE-2026-0077, PYSEC-2026-77; mended in 1.1. It opens the door." in found.stdout
        assert service.asked == {("brittle", "1.0"), ("sound", "2.0"), ("elsewhere", "3.0")}
        accepted = audit(service.url, "--accepted", accepting(tmp_path, "2999-01-01"), lock)
        assert (accepted.returncode, accepted.stderr) == (0, "")
        assert "accepted until 2999-01-01: brittle 1.0" in accepted.stdout
        expired = audit(service.url, "--accepted", accepting(tmp_path, "2026-01-01"), lock)
        assert expired.returncode == 1
        assert "the acceptance of CVE-2026-0077 ended on 2026-01-01" in expired.stdout


def test_every_package_of_every_lock_is_asked_about(tmp_path: Path) -> None:
    locked = {
        (pin.name, pin.version) for path in (ROOT / "requirements").glob("*.txt") for pin in read_lock(path)
    }
    with advisory_service({}) as service:
        found = audit(service.url)
        assert (found.returncode, found.stderr) == (0, "")
        assert service.asked == locked
    assert (
        len([name for name, _ in locked if name == "deprecated"]) == 2
    )  # two versions of one are both asked about


def test_silence_is_no_good_answer(lock: Path) -> None:
    with advisory_service({}, status=500) as service:
        found = audit(service.url, lock)
        assert (found.returncode, found.stdout) == (2, "")
        assert found.stderr.startswith("NOT AUDITED:")
        gone = service.url
    found = audit(gone, lock)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("NOT AUDITED:")


def test_nobody_is_asked_unless_that_is_wanted_and_it_says_so(lock: Path) -> None:
    with advisory_service({"brittle": BAD}) as service:
        left_out = audit(service.url, "--if-online", lock)
        assert (left_out.returncode, service.asked) == (0, set())
        assert left_out.stdout.startswith("NOT AUDITED:")
        assert audit(service.url, "--if-online", lock, BCK_AUDIT="online").returncode == 1


def test_a_try_fails_on_what_is_found_and_says_so_where_nobody_answers(lock: Path) -> None:
    with advisory_service({"brittle": BAD}) as service:
        assert audit(service.url, "--if-online", lock, BCK_AUDIT="try").returncode == 1
        gone = service.url
    silent = audit(gone, "--if-online", lock, BCK_AUDIT="try")
    assert (silent.returncode, silent.stdout) == (0, "")
    assert silent.stderr.startswith(f"NOT AUDITED: {gone} gave no answer")
    lock.write_text("brittle\n")
    assert audit(gone, "--if-online", lock, BCK_AUDIT="try").returncode == 2  # our own fault is no silence


def test_a_service_that_swallows_everything_is_left_when_the_time_is_over(lock: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        service = f"http://127.0.0.1:{mute.getsockname()[1]}/v1/query"
        silent = audit(service, "--if-online", "--seconds", 2, lock, BCK_AUDIT="try")
    assert (silent.returncode, silent.stdout) == (0, "")
    assert silent.stderr == "NOT AUDITED: the service gave no answer in time\n"


def test_continuous_integration_tries_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    make = tmp_path / "make"
    make.write_text('#!/bin/sh\necho "$BCK_AUDIT"\n')
    make.chmod(0o755)
    path = f"{tmp_path}:/usr/bin:/bin"
    for given, used in (({}, "try"), ({"BCK_AUDIT": "online"}, "online")):
        done = subprocess.run(
            [ROOT / ".ci" / "run"], env={"PATH": path, **given}, capture_output=True, text=True, check=True
        )
        assert done.stdout == f"{used}\n"


FOUND = Advisory(
    ids=frozenset({"PYSEC-1", "CVE-1"}), package="brittle", version="1.0", fixed_in=(), text="Bad."
)


@pytest.mark.parametrize(
    ("id_", "package", "until", "lived_with"),
    [
        ("CVE-1", "brittle", date(2026, 5, 1), True),
        ("PYSEC-1", "brittle", date(2026, 5, 2), True),
        ("CVE-1", "brittle", date(2026, 4, 30), False),
        ("CVE-2", "brittle", date(2026, 5, 1), False),
        ("CVE-1", "other", date(2026, 5, 1), False),
    ],
)
def test_an_acceptance_is_for_one_advisory_of_one_package_until_its_day(
    id_: str, package: str, until: date, lived_with: bool
) -> None:
    one = Acceptance(id=id_, package=package, reason="why", until=until)
    bad, notes = judged([FOUND], [one], date(2026, 5, 1))
    assert (bad == [], notes != []) == (lived_with, lived_with)


def test_an_acceptance_that_has_ended_fails_even_if_nothing_is_found() -> None:
    one = Acceptance(id="CVE-9", package="brittle", reason="why", until=date(2026, 4, 30))
    assert judged([], [one], date(2026, 5, 1)) == (["the acceptance of CVE-9 ended on 2026-04-30"], [])


@pytest.mark.parametrize("left_out", ["id", "package", "reason", "until"])
def test_an_acceptance_lacks_nothing(tmp_path: Path, left_out: str) -> None:
    lines = {"id": '"CVE-1"', "package": '"brittle"', "reason": '"why"', "until": "2026-01-01"}
    del lines[left_out]
    path = tmp_path / "accepted.toml"
    path.write_text("[[accepted]]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items()))
    with pytest.raises(ValueError, match="each acceptance has"):
        read_acceptances(path)


def test_our_own_acceptances_can_be_read() -> None:
    assert read_acceptances(ROOT / "requirements" / "accepted-advisories.toml") is not None
