"""Ask a database of advisories about every package in every lock: is something known that is bad?

    .venv-tools/bin/python scripts/audit.py [--service URL] [--if-online]

pip-audit does the asking, of an OSV service; nothing is installed and no package is fetched. Exit status:
0 nothing is known beyond what requirements/accepted-advisories.toml accepts; 1 something is, or an acceptance
has expired; 2 not audited: the service gave no answer. With --if-online it asks only where BCK_AUDIT=online
or BCK_AUDIT=try, else it says that it did not; with try, no answer in 90 seconds is said, and is no failure.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.locks import FOLDER, LockError, Pin, read_lock  # path set above

PUBLIC = "https://api.osv.dev/v1/query"
CLEAN, FOUND, NOT_AUDITED = 0, 1, 2
TRY_SECONDS = 90
"""In all, where the audit is a try: an address that swallows everything holds nobody up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """Something known about a locked package."""

    ids: frozenset[str]
    package: str
    version: str
    fixed_in: tuple[str, ...]
    text: str

    @property
    def sentence(self) -> str:
        """For people."""
        fixed = f"mended in {', '.join(self.fixed_in)}" if self.fixed_in else "nothing mends it yet"
        return f"{self.package} {self.version}: {', '.join(sorted(self.ids))}; {fixed}. {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """An advisory that we live with, and until when."""

    id: str
    package: str
    reason: str
    until: date


class NotAuditedError(Exception):
    """Nobody knows whether something is wrong."""


def main() -> int:
    """Audit; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", default=PUBLIC, help="address of an OSV service's query")
    parser.add_argument("--accepted", type=Path, default=FOLDER / "accepted-advisories.toml")
    parser.add_argument("--if-online", action="store_true", help="only where BCK_AUDIT=online or try")
    parser.add_argument("--seconds", type=float, default=TRY_SECONDS, help="where BCK_AUDIT=try, in all")
    parser.add_argument("locks", nargs="*", type=Path, help="all of requirements/ unless given")
    given = parser.parse_args()
    wish = os.environ.get("BCK_AUDIT") if given.if_online else "online"
    if wish not in ("online", "try"):
        print("NOT AUDITED: BCK_AUDIT=online is not set, so no public database of advisories was asked.")
        return CLEAN
    end = time.monotonic() + given.seconds if wish == "try" else math.inf
    try:
        accepted = read_acceptances(given.accepted)
        pins = unique(pin for lock in given.locks or sorted(FOLDER.glob("*.txt")) for pin in read_lock(lock))
        found = advisories(pins, given.service, end)
    except NotAuditedError as error:
        print(f"NOT AUDITED: {error}", file=sys.stderr)
        return CLEAN if wish == "try" else NOT_AUDITED
    except (LockError, OSError, ValueError, KeyError) as error:
        print(f"NOT AUDITED: {error}", file=sys.stderr)
        return NOT_AUDITED
    bad, notes = judged(found, accepted, datetime.now(UTC).date())
    print(f"{len(pins)} packages, {len(found)} advisories known")
    for line in (*notes, *bad):
        print(line)
    return FOUND if bad else CLEAN


def read_acceptances(path: Path) -> tuple[Acceptance, ...]:
    """Raises ValueError for one that lacks its reason or its end."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["accepted"]
    return tuple(_acceptance(path, entry) for entry in entries)


def _acceptance(path: Path, entry: dict[str, object]) -> Acceptance:
    texts = {name: str(entry.get(name, "")).strip() for name in ("id", "package", "reason")}
    until = entry.get("until")
    if set(entry) != {*texts, "until"} or not all(texts.values()) or type(until) is not date:
        raise ValueError(f"{path}: each acceptance has id, package, reason and until, a day: {entry}")
    return Acceptance(**texts, until=until)


def judged(
    found: Sequence[Advisory], accepted: Sequence[Acceptance], today: date
) -> tuple[list[str], list[str]]:
    """What is not to be lived with, and what is."""
    bad, notes = [], []
    for advisory in found:
        fitting = [one for one in accepted if one.id in advisory.ids and one.package == advisory.package]
        if any(today <= one.until for one in fitting):
            notes += [f"accepted until {one.until}: {advisory.sentence} {one.reason}" for one in fitting]
        else:
            bad.append(advisory.sentence)
    bad += [f"the acceptance of {one.id} ended on {one.until}" for one in accepted if today > one.until]
    return bad, notes


def unique(pins: Iterable[Pin]) -> tuple[Pin, ...]:
    """Each version of each package once, whatever machines it is for."""
    return tuple({(pin.name, pin.version): pin for pin in pins}.values())


def advisories(pins: Sequence[Pin], service: str, end: float = math.inf) -> list[Advisory]:
    """What the service knows about them.

    Raises NotAuditedError unless it answered for every single one, by this time of the monotonic clock.
    """
    found = [one for group in _groups(pins) for one in _answers(group, service, end)]
    asked = {(pin.name, pin.version) for pin in pins}
    if missing := asked - {(one["name"], one.get("version")) for one in found}:
        raise NotAuditedError(f"no answer about {sorted(missing)}")
    return [_advisory(one, vuln) for one in found for vuln in one["vulns"]]


def _groups(pins: Sequence[Pin]) -> Iterator[Sequence[Pin]]:
    """All pins, in each group every name once: pip-audit takes one version of a package at a time."""
    left = list(pins)
    while left:
        chosen = {pin.name: pin for pin in left}
        yield tuple(chosen.values())
        left = [pin for pin in left if chosen[pin.name] is not pin]


def _answers(pins: Iterable[Pin], service: str, end: float) -> list[Any]:
    """What pip-audit reports. Markers are left out: packages for other machines count as well."""
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "lock.txt"
        lock.write_text("".join(_line(pin) for pin in pins), encoding="utf-8")
        found = _asked(_command(lock, service), end)
    try:
        return list(json.loads(found.stdout)["dependencies"])
    except (ValueError, KeyError) as error:
        words = found.stderr.strip().splitlines() or [f"exit status {found.returncode}"]
        raise NotAuditedError(f"{service} gave no answer that counts: {words[-1]}") from error


def _asked(command: Sequence[str], end: float) -> subprocess.CompletedProcess[str]:
    left = None if end == math.inf else max(0.0, end - time.monotonic())
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=left)
    except subprocess.TimeoutExpired as error:
        raise NotAuditedError("the service gave no answer in time") from error


def _line(pin: Pin) -> str:
    hashes = " ".join(f"--hash=sha256:{digest}" for digest in pin.hashes)
    return f"{pin.name}=={pin.version} {hashes}\n"


def _command(lock: Path, service: str) -> list[str]:
    command = [sys.executable, "-m", "pip_audit", "--strict", "--disable-pip", "--require-hashes"]
    command += ["--vulnerability-service", "osv", "--osv-url", service, "--format", "json"]
    return [
        *command,
        "--progress-spinner",
        "off",
        "--cache-dir",
        str(lock.parent),
        "--requirement",
        str(lock),
    ]


def _advisory(one: Any, vuln: Any) -> Advisory:
    return Advisory(
        ids=frozenset([str(vuln["id"]), *vuln["aliases"]]),
        package=one["name"],
        version=one["version"],
        fixed_in=tuple(vuln["fix_versions"]),
        text=str(vuln["description"])[:300],
    )


if __name__ == "__main__":
    sys.exit(main())
