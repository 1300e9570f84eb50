"""Which rsync is there, and whether it will do."""

import re
import subprocess

from bck_adapters.rsync.argv import MINIMUM_VERSION, environment
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
