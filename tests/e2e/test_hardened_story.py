"""`bck serve` works under the list of docs/reference/process-hardening.md, and could do nothing else."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bck_adapters.landlock import kernel_support
from bck_adapters.testkit.lacking import lacking
from tests.support.cli import Bck
from tests.support.confined import confining
from tests.support.sshd import LoopbackSshd, running_sshd
from tests.support.worlds import world_of_folder

ATTEMPTS = {
    "write elsewhere": "open(sys.argv[2], 'w')",
    "write to /etc": "open('/etc/bck', 'w')",
    "list homes": "os.listdir('/root')",
    "speak to the kernel's network": "socket.socket(socket.AF_NETLINK)",
    "see raw packets": "socket.socket(socket.AF_PACKET)",
    "make a namespace": "check(libc.unshare(0x10000000))",
    "mount": "check(libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))",
    "be traced": "check(libc.ptrace(0, 0, None, None))",
    "change the host's name": "check(libc.sethostname(b'x', 1))",
    "set a clock": "import time; time.clock_settime(time.CLOCK_REALTIME, 0)",
    "memory that is written and run": "import mmap; mmap.mmap(-1, 4096, prot=7)",
    "a kernel setting": "open('/proc/sys/kernel/core_pattern', 'w')",
    "be root": "os.setuid(0)",
}
PROBE = """
import ctypes, json, os, resource, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
done = []
for name, code in json.loads(sys.argv[1]).items():
    try:
        exec(code)
        done.append(name)
    except (OSError, PermissionError):
        pass
open(os.environ["TMPDIR"] + "/kept", "w").close()
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
caps = {status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
mode = os.stat(os.environ["TMPDIR"] + "/kept").st_mode & 0o777
print(json.dumps([done, sorted(caps), os.getuid(), mode, resource.getrlimit(resource.RLIMIT_CORE)]))
"""


@pytest.fixture
def confined(tmp_path: Path, require_tool: Callable[[str], str]) -> tuple[str, ...]:
    """What to put before the server: it may write to home, storage and a folder for temporary files."""
    require_tool("systemd-analyze")
    places = [tmp_path / "tmp", tmp_path / "server" / "home", tmp_path / "server" / "store"]
    for place in places:
        place.mkdir(parents=True, mode=0o700)
    made = confining(*places)
    tried = subprocess.run([*made, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        lacking(f"this machine lets no ordinary user confine a program: {tried.stderr[-300:]}")
    return made


@pytest.fixture
def sshd(tmp_path: Path, require_tool: Callable[[str], str]) -> Iterator[LoopbackSshd]:
    require_tool("rsync")
    require_tool("sshd")
    with running_sshd(tmp_path / "sshd") as served:
        yield served


def attempts(outside: Path, *before: str) -> tuple[Any, str]:
    """What the probe could do, and what else it tells; the words of who confined it."""
    folder = {"TMPDIR": str(outside.parent / "tmp")}
    command = [*before, sys.executable, "-c", PROBE, json.dumps(ATTEMPTS), str(outside)]
    told = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **folder}, umask=0o022
    )
    return json.loads(told.stdout), told.stderr


def test_under_the_list_nothing_but_the_work_is_possible(confined: tuple[str, ...], tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (done, caps, uid, mode, core), words = attempts(outside, *confined)
    too_old = {"memory that is written and run"} if "no MDWE" in words else set()
    assert set(done) <= too_old
    assert (caps, mode, core) == (["0" * 16], 0o600, [1, 1])
    assert uid == tmp_path.stat().st_uid
    assert not outside.exists()


def test_without_the_list_the_same_would_be_possible(confined: tuple[str, ...], tmp_path: Path) -> None:
    """So that what is refused above is refused by the list."""
    (done, _caps, _uid, mode, _core), _words = attempts(tmp_path / "outside")
    free = {"write elsewhere", "make a namespace", "be traced", "memory that is written and run"}
    assert free <= set(done)
    assert mode == 0o644


def test_the_list_leaves_the_kernels_hold_on_what_a_pull_displaces(confined: tuple[str, ...]) -> None:
    ask = "from bck_adapters.landlock import kernel_support; print(kernel_support())"
    told = subprocess.run(
        [*confined, sys.executable, "-c", ask], capture_output=True, text=True, check=True, cwd="/"
    )
    assert int(told.stdout) == kernel_support(), told.stderr


def test_the_server_backs_up_over_ssh_and_from_a_folder_under_the_list(
    confined: tuple[str, ...], sshd: LoopbackSshd, tmp_path: Path
) -> None:
    docs = tmp_path / "pc" / "docs"
    docs.mkdir(parents=True)
    (docs / "f").write_text("one")
    (docs / "f").chmod(0o640)
    bck = Bck(tmp_path / "server", {"BCK_RUNNER__POLL_SECONDS": "0.2"}, under=confined)
    bck.init()
    bck.add_host(sshd, docs.parent)
    bck.ok("host", "add", "here", "--transport", "local", "--allow", str(docs.parent))
    for profile, host in (("far", "pc1"), ("near", "here")):
        bck.ok("profile", "add", profile, "--host", host, "--source", str(docs))
    with bck.serving() as (_, said):
        trust = ssl.create_default_context(cafile=said["ca_certificate"])
        with urllib.request.urlopen(said["url"] + "/health/ready", context=trust, timeout=20) as answer:
            assert answer.status == 200
        for profile in ("far", "near"):
            assert bck.ok("backup", profile, "--wait")["outcome"] == "succeeded", profile
            (docs / "f").write_text("two")
            assert bck.ok("backup", profile, "--wait")["made_point"], profile
            (docs / "f").write_text("one")
    for profile in ("far", "near"):
        (docs / "f").write_text("two")
        bck.ok("restore", profile, "--point", "latest", "--to", str(tmp_path / profile))
        assert (tmp_path / profile / "docs" / "f").read_text() == "two"
        assert set(world_of_folder(tmp_path / profile / "docs")) == set(world_of_folder(docs))
