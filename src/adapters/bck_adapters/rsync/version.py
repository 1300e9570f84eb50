"""Which rsync is there, and whether it will do."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from bck_adapters.rsync.argv import LOCAL_SHELL, MINIMUM_VERSION, environment
from bckcore.errors import RsyncMissingError


def require_local_rsync(search_path: str) -> None:
    """Raises RsyncMissingError unless this machine has an rsync that will do."""
    version = local_version(search_path)
    if version < MINIMUM_VERSION:
        raise too_old("This server", ".".join(map(str, version)))


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
    least = ".".join(map(str, MINIMUM_VERSION))
    return RsyncMissingError(
        f"{whose} has rsync {version}; {least} is the oldest that can be used.",
        meaning="Older ones handle names and checksums in ways that backups cannot rely on.",
        advice="Install a newer rsync there.",
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
