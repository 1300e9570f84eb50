"""Which rsync is there, and whether it will do."""

import gzip
import os
import re
import shutil
import subprocess
import tempfile
import zlib
from pathlib import Path

from bck_adapters.rsync.argv import LOCAL_SHELL, MINIMUM_VERSION, environment
from bckcore.errors import RsyncMissingError

SAFE_VERSION = (3, 4, 0)
"""The first in which CVE-2024-12084 to 12088 and CVE-2024-12747 are closed."""
_PATCHED = (
    (re.compile(r"3\.2\.7-1\+deb12u(\d+)"), 2),
    (re.compile(r"3\.3\.0\+ds1-(\d+)"), 3),
    (re.compile(r"3\.2\.7-1ubuntu1\.(\d+)"), 2),
    (re.compile(r"3\.2\.7-0ubuntu0\.22\.04\.(\d+)"), 4),
)
"""Builds of distributions in which the same holes are closed, each from that number on: Debian 12, Debian
testing of early 2025, Ubuntu 24.04 and 22.04. Where the first repair broke something, the second counts."""
LATER_HOLES = (
    ((3, 4, 2), "CVE-2025-10158"),  # a sender reads past an array: a restore to a PC
    ((3, 4, 3), "CVE-2026-43618"),  # a receiver that decompresses shows its memory: a backup
    ((3, 4, 3), "CVE-2026-43620"),  # a receiver crashes
)
"""Each with the version of rsync's authors that closed it, and open in what came before. They are told, and
nothing is refused."""
_CVE = re.compile(rb"\bCVE-\d{4}-\d{4,}\b")
_LARGEST_CHANGELOG = 4 << 20
_ASK_SECONDS = 20


def require_local_rsync(search_path: str) -> None:
    """Raises RsyncMissingError unless this machine has an rsync that will do and has no known holes."""
    program = shutil.which("rsync", path=search_path)
    version = local_version(search_path)
    text = _dotted(version)
    if version < MINIMUM_VERSION:
        raise too_old("This server", text)
    if not is_safe(version) and not is_patched(_package_of(program or "", search_path)):
        raise unsafe("This server", text)


def open_holes(search_path: str) -> tuple[str, ...]:
    """Which of LATER_HOLES this machine's rsync has. Raises RsyncMissingError where there is none.

    A distribution's build has closed those that its package's changelog names.
    """
    return _open(local_version(search_path), search_path)


def _open(version: tuple[int, ...], search_path: str) -> tuple[str, ...]:
    found = [cve for closed, cve in LATER_HOLES if version < closed]
    repaired = _named_by_the_package(search_path) if found else frozenset()
    return tuple(cve for cve in found if cve not in repaired)


def told_holes(search_path: str) -> str:
    """What is to be said of :func:`open_holes`; empty where none is open. Raises what that raises."""
    version = local_version(search_path)
    holes = _open(version, search_path)
    if not holes:
        return ""
    enough = max(closed for closed, _ in LATER_HOLES)
    return (
        f"open in this server's rsync {_dotted(version)}: {', '.join(holes)}. Backups go on. Install rsync "
        f"{_dotted(enough)} or newer, or the distribution's repaired build: apt-get update, then apt-get "
        "install rsync"
    )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _named_by_the_package(search_path: str) -> frozenset[str]:
    """The holes in the changelog of the package that installed the program; none if no package did."""
    if not _package_of(shutil.which("rsync", path=search_path) or "", search_path):
        return frozenset()
    files = _asked(["dpkg-query", "--listfiles", "rsync"], search_path).splitlines()
    names: set[str] = set()
    for file in (one for one in files if one.endswith("/changelog.Debian.gz")):
        try:
            with gzip.open(file) as changelog:
                names |= {found.decode() for found in _CVE.findall(changelog.read(_LARGEST_CHANGELOG))}
        except (OSError, EOFError, zlib.error):  # left out where documentation is, or damaged
            continue
    return frozenset(names)


def is_safe(version: tuple[int, ...]) -> bool:
    """True if the known holes are closed in what rsync's authors published under that number."""
    return version >= SAFE_VERSION


def is_patched(package: str) -> bool:
    """True if a package of that version, as Debian and Ubuntu count them, has the known holes closed."""
    for lineage, least in _PATCHED:
        if found := lineage.match(package.strip()):
            return int(found[1][:9]) >= least
    return False


def _package_of(program: str, search_path: str) -> str:
    """The version of the package that installed the program, as it was installed; empty if none did."""
    real = os.path.realpath(program)
    owner = _asked(["dpkg-query", "--search", real], search_path) or _asked(
        ["dpkg-query", "--search", real.removeprefix("/usr")], search_path
    )
    changed = _asked(["dpkg", "--verify", "rsync"], search_path)
    altered = {line.split()[-1] for line in changed.splitlines() if line.strip()}
    if not owner.startswith("rsync:") or altered & {real, real.removeprefix("/usr")}:
        return ""
    return _asked(["dpkg-query", "--show", "--showformat=${Version}", "rsync"], search_path)


def _asked(argv: list[str], search_path: str) -> str:
    try:
        done = subprocess.run(
            argv, env=environment(search_path), capture_output=True, timeout=_ASK_SECONDS, check=False
        )
    except (OSError, subprocess.SubprocessError):  # no Debian
        return ""
    return done.stdout.decode("utf-8", "replace").strip()


def local_version(search_path: str) -> tuple[int, ...]:
    """The version of the rsync on this machine. Raises RsyncMissingError."""
    try:
        done = subprocess.run(
            ["rsync", "--version"], env=environment(search_path), capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError) as exc:
        raise RsyncMissingError(
            "This server has no rsync that runs.",
            meaning="Nothing can be backed up.",
            advice="Install it: apt-get install rsync.",
        ) from exc
    return parsed_version(done.stdout) or (0,)


def parsed_version(output: bytes) -> tuple[int, ...] | None:
    """The version in what ``rsync --version`` printed; None if that is not rsync's text."""
    match = re.search(rb"rsync\s+version\s+v?(\d+)\.(\d+)\.(\d+)", output)
    return tuple(map(int, match.groups())) if match else None


def too_old(whose: str, version: str) -> RsyncMissingError:
    """One of the two programs is older than what this adapter relies on."""
    least = _dotted(MINIMUM_VERSION)
    return RsyncMissingError(
        f"{whose} has rsync {version}; {least} is the oldest that can be used.",
        meaning="Older ones handle names and checksums in ways that backups cannot rely on.",
        advice="Install a newer rsync there.",
    )


def unsafe(whose: str, version: str) -> RsyncMissingError:
    """One of the two programs has holes that everybody knows."""
    return RsyncMissingError(
        f"{whose} has rsync {version}, which has known holes (CVE-2024-12084 to 12088, CVE-2024-12747).",
        meaning="Whoever is on the other side of a transfer could read or write files there, or take the "
        "machine over. Nothing was transferred.",
        advice="Install rsync 3.4.0 or newer there, or the distribution's repaired build: apt-get update, "
        "then apt-get install rsync (Debian 12: 3.2.7-1+deb12u2 or newer).",
    )


def can_resume(search_path: str, folder: Path) -> bool:
    """True if the rsync of this machine goes on from a file in an absolute partial folder.

    Found by trying, in a new folder below ``folder``: several versions (3.2.7 as patched by Debian,
    3.4.1) break off instead, or do not store the file, each time they find one there.
    """
    data = os.urandom(1 << 17)
    with tempfile.TemporaryDirectory(prefix="resume-", dir=folder) as name:
        base = Path(name)
        for part in ("from", "to", "partial"):
            (base / part).mkdir()
        (base / "from" / "file").write_bytes(data)
        (base / "partial" / "file").write_bytes(data[: len(data) // 2])
        argv = ["rsync", "--archive", "--sparse", f"--partial-dir={base / 'partial'}", f"--rsh={LOCAL_SHELL}"]
        done = subprocess.run(
            [*argv, "--", f"pc:{base / 'from'}/", f"{base / 'to'}/"],
            env=environment(search_path),
            capture_output=True,
            timeout=60,
            check=False,
        )
        arrived = base / "to" / "file"
        return done.returncode == 0 and arrived.exists() and arrived.read_bytes() == data
