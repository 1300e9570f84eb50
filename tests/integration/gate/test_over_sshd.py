"""A whole backup and a restore through a real sshd whose key may start nothing but the gate."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bckcore.domain.push import Conflict
from bckcore.domain.restore import RestoreOptions
from bckcore.errors import PathNotAllowedError
from tests.support.gate import GateRig
from tests.support.house import DOCS
from tests.support.pc import T0, Pc, make_pc
from tests.support.rsync_rigs import ssh_rig
from tests.support.sshd import LoopbackSshd
from tests.support.trees import make_removable
from tests.support.worlds import differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """A PC with a gate, and the installation that backs it up."""

    pc: Pc
    gate: GateRig
    sshd: LoopbackSshd

    def by_hand(self, *words: str, program: str = "ssh") -> subprocess.CompletedProcess[bytes]:
        """What somebody with the server's key can do by hand."""
        folder = self.gate.folder
        key = folder / "key"
        key.write_text(self.sshd.login.private)
        key.chmod(0o600)
        ssh = ["ssh", "-F", "none", "-i", str(key), "-p", str(self.sshd.port), "-o", "BatchMode=yes"]
        ssh += ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder / 'known'}"]
        ssh += ["-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes"]
        if program == "rsync":
            argv = ["rsync", "-a", f"--rsh={' '.join(ssh)}", *words]
        else:
            argv = [*ssh, f"{self.sshd.user}@{self.sshd.address}", *words]
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)

    @property
    def there(self) -> str:
        """The PC, as rsync names it."""
        return f"{self.sshd.user}@{self.sshd.address}"


@pytest.fixture
def guarded(short_dir: Path, require_tool) -> Iterator[Guarded]:
    require_tool("sshd")
    require_tool("rsync")
    home = short_dir / "pc"
    home.mkdir()
    gate = GateRig(folder=short_dir / "gate", read=(str(home),), restore=(str(home),))
    gate.write()
    options = f'restrict,command="{gate.program}"'
    sshd = LoopbackSshd(short_dir / "sshd", key_options=options)
    sshd.start()
    try:
        yield Guarded(pc=make_pc(short_dir, sshd), gate=gate, sshd=sshd)
    finally:
        sshd.stop()
        make_removable(short_dir)


def test_a_backup_and_a_restore_to_the_pc_go_through_the_gate(guarded: Guarded) -> None:
    pc = guarded.pc
    pc.docs.write(b"d/f", b"one", T0)
    pc.docs.write("né `w\n'*".encode(), b"odd", T0 + 1, 0o600)
    pc.docs.symlink(b"link", b"/etc/passwd", T0)
    pc.docs.mkdir(b"d", T0 + 2, 0o750)
    pc.docs.mkdir(b".", T0 + 3)
    pc.house.back_up()
    world = pc.world()
    pc.require_exact({1: world})
    shutil.rmtree(pc.folder)
    pc.house.host_restores.restore(
        DOCS,
        point="1",
        options=RestoreOptions(conflict=Conflict.OVERWRITE),
        watcher=pc.house.watcher,
    )
    assert differences(world, pc.world()) == []
    noted = guarded.gate.logged()
    assert {line.split(" ")[1] for line in noted} >= {"look", "read", "write"}
    assert [line for line in noted if not line.startswith("allowed: ")] == []
    assert all(line.endswith(f"for {guarded.sshd.address}") for line in noted)


def test_the_pc_refuses_what_only_the_server_allows(guarded: Guarded, short_dir: Path) -> None:
    rig = ssh_rig(short_dir, guarded.sshd, short_dir / "run")
    rig.tree.write(b"f", b"x")
    rig.pull()
    guarded.gate.read = guarded.gate.restore = (f"{short_dir}/pc/other",)
    guarded.gate.write()
    with pytest.raises(PathNotAllowedError) as refused:
        rig.pull()
    assert "The gate on pc1 refused" in refused.value.what
    assert "outside the folders that this PC allows" in refused.value.what
    assert "/etc/bck-gate.toml" in refused.value.advice


def test_a_gate_without_its_file_is_told_in_one_line_that_names_it(guarded: Guarded, short_dir: Path) -> None:
    rig = ssh_rig(short_dir, guarded.sshd, short_dir / "run")
    guarded.gate.config.unlink()
    with pytest.raises(PathNotAllowedError) as refused:
        rig.transport.probe(rig.host, rig.credential, [rig.source.path])
    assert refused.value.what.endswith(f"{guarded.gate.config} cannot be read: No such file or directory)")
    assert "If it names a file, mend that file there." in refused.value.advice


@pytest.mark.parametrize("words", [("id",), (), ("sh", "-c", "id"), ("rsync --version",), ("-t", "id")])
def test_the_servers_key_starts_nothing_by_hand(guarded: Guarded, words: tuple[str, ...]) -> None:
    done = guarded.by_hand(*words)
    assert done.returncode == 77
    assert b"uid=" not in done.stdout
    assert b"bck-gate: refused: " in done.stderr + done.stdout


def test_the_servers_key_reads_and_writes_no_other_folder(guarded: Guarded, short_dir: Path) -> None:
    secret = short_dir / "secret"
    secret.mkdir()
    (secret / "key").write_text("not to be read")
    guarded.pc.docs.write(b"f", b"x", T0)
    to = short_dir / "got"
    for source in (secret, "/etc", f"{short_dir}/pc/../secret"):
        done = guarded.by_hand(f"{guarded.there}:{source}/", f"{to}/", program="rsync")
        assert done.returncode in (12, 77)  # rsync's own, or the gate's, if that was heard in time
        assert b"bck-gate: refused: " in done.stderr
    done = guarded.by_hand(f"{short_dir}/pc/", f"{guarded.there}:{secret}/", program="rsync")
    assert done.returncode != 0
    assert not to.exists()
    assert sorted(path.name for path in secret.iterdir()) == ["key"]


def test_probing_needs_no_shell(guarded: Guarded, short_dir: Path) -> None:
    rig = ssh_rig(short_dir, guarded.sshd, short_dir / "run")
    rig.tree.write(b"f", b"x")
    facts = rig.transport.probe(rig.host, rig.credential, [rig.source.path])
    assert facts.sources == ((rig.source.path, True),)
    assert facts.gate
    assert facts.rsync_version.count(".") == 2
    assert [line for line in guarded.gate.logged() if not line.startswith("allowed: ")] == []
