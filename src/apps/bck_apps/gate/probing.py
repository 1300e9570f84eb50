"""What the gate tells about the PC: enough to see whether a backup can work, and nothing of its files."""

import base64
import binascii
import hashlib
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from bck_adapters.landlock import kernel_support
from bck_apps.gate.config import GateConfig

FORMAT = 1
_SSH = Path("/etc/ssh")


def answer(config: GateConfig) -> str:
    """One line of JSON."""
    facts = {
        "bck_gate": FORMAT,
        "version": own_version(),
        "rsync": rsync_version(config.rsync),
        "rsync_package": _said("/usr/bin/dpkg-query", "--show", "--showformat=${Version}", "rsync").decode(
            "ascii", "replace"
        ),
        "platform": sys.platform,
        "read": [path.text for path in config.read],
        "restore": [path.text for path in config.restore],
        "host_keys": sorted(_fingerprints(_SSH)),
        "confined": config.confine and kernel_support() > 0,
    }
    return json.dumps(facts, ensure_ascii=True)


def own_version() -> str:
    """Of this program; ``unknown`` where it is not installed."""
    try:
        return metadata.version("bckwinrsync")
    except metadata.PackageNotFoundError:
        return "unknown"


def rsync_version(program: str) -> str:
    """Three numbers; empty for what is no rsync."""
    found = re.search(rb"rsync\s+version\s+v?(\d+\.\d+\.\d+)", _said(program, "--version"))
    return found[1].decode() if found else ""


def _said(*command: str) -> bytes:
    """Standard output of a program; nothing where there is none, as of Debian's on other systems."""
    try:
        done = subprocess.run(command, env={"LC_ALL": "C"}, capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return b""
    return done.stdout if done.returncode == 0 else b""


def _fingerprints(folder: Path) -> set[str]:
    """Of the keys by which this PC's sshd is known, as ``ssh-keygen -l`` prints them."""
    found = set()
    for file in folder.glob("ssh_host_*_key.pub"):
        try:
            blob = base64.b64decode(file.read_bytes().split()[1], validate=True)
        except (OSError, IndexError, binascii.Error):
            continue
        found.add("SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("="))
    return found
