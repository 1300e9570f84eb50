"""Real rsync on a PC whose owner is hostile: trees that change between attempts, streams that are bent."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

import pytest

from bck_adapters.testkit.stored import stored_tree
from bckcore.domain.file_version import EntryKind
from bckcore.domain.transfer import TransferOptions
from bckcore.errors import BckError
from tests.integration.hostile.conftest import Hijacked
from tests.support.patience import stride

pytestmark = pytest.mark.usefixtures("unharmed")

SERVES = (
    'eval "set -- $*"; while [ $# -gt 1 ]; do line="$line \'$1\'"; shift; done; eval "exec $line {tree}/"'
)
"""Runs the rsync that was asked for on another folder than the one that was asked for."""


def serves(hijacked: Hijacked, tree: Path) -> None:
    """From now on the PC shows that folder, whatever it is asked for."""
    hijacked.runs(SERVES.format(tree=shlex.quote(str(tree))))


def tree_of(hijacked: Hijacked, name: str) -> Path:
    """An empty folder of the PC."""
    made = hijacked.folder / "pc" / name
    made.mkdir()
    return made


def pull(hijacked: Hijacked) -> None:
    """An attempt that comes to its end."""
    ended = hijacked.pull()
    assert not isinstance(ended, BckError), ended


@pytest.mark.parametrize(
    "order", [("link", "folder"), ("folder", "link"), ("link", "folder", "link", "folder")]
)
def test_a_link_that_becomes_a_folder_between_attempts_leads_nowhere(
    hijacked: Hijacked, order: tuple[str, ...]
) -> None:
    outside = hijacked.folder / "server"
    for name in set(order):
        tree = tree_of(hijacked, name)
        if name == "link":
            (tree / "deep").symlink_to(outside)
        else:
            (tree / "deep").mkdir()
            (tree / "deep" / "file").write_bytes(b"from the PC")
            (tree / "deep" / "file2").write_bytes(b"from the PC, too")
    for name in order:
        serves(hijacked, hijacked.folder / "pc" / name)
        pull(hijacked)
        kind = stored_tree(hijacked.rig.destination)[b"deep"].kind
        assert kind is (EntryKind.LINK if name == "link" else EntryKind.FOLDER)
    assert [path for path in hijacked.rig.store.rglob("*") if path.is_symlink()] == []


def test_the_root_itself_may_become_a_link_and_nothing_of_the_server_is_read(hijacked: Hijacked) -> None:
    pull_root = Path(os.fsdecode(hijacked.rig.source.path))
    shutil.rmtree(pull_root)
    pull_root.symlink_to(hijacked.folder / "server")
    ended = hijacked.pull()
    assert isinstance(ended, BckError)
    assert ended.code == "path-not-allowed"
    assert list(hijacked.rig.destination.iterdir()) == []


def test_links_hard_links_pipes_and_odd_rights_stay_in_the_folder(hijacked: Hijacked) -> None:
    tree = tree_of(hijacked, "odd")
    for number, target in enumerate((b"/", b"..", b"../../../../..", b"/proc/self/root", b"x" * 200)):
        os.symlink(target, os.fsencode(tree) + b"/link%d" % number)
    os.mkfifo(tree / "pipe")
    (tree / "one").write_bytes(b"twice")
    (tree / "two").hardlink_to(tree / "one")
    (tree / "suid").write_bytes(b"#!")
    (tree / "suid").chmod(0o6777)
    (tree / "shut").mkdir(mode=0o000)
    serves(hijacked, tree)
    pull(hijacked)
    found = stored_tree(hijacked.rig.destination)
    assert found[b"link0"].data == b"/"
    assert found[b"suid"].mode == 0o6777
    modes = [path.lstat().st_mode for path in hijacked.rig.destination.rglob("*")]
    assert not any(mode & 0o6000 for mode in modes)
    (tree / "shut").chmod(0o700)


def test_a_stream_that_is_cut_or_bent_in_its_middle_is_an_error_of_ours(hijacked: Hijacked) -> None:
    tree = tree_of(hijacked, "big")
    for number in range(40):
        (tree / f"f{number}").write_bytes(os.urandom(50_000))
    hijacked.rig.options = TransferOptions(idle_timeout=2)
    honest = SERVES.format(tree=shlex.quote(str(tree))).replace("exec ", "")
    bent = (
        "head -c 100000",
        "head -c 777",
        "tr '\\000' '\\377'",
        "sed 's/f1/..\\//g'",
        "sed 's/f2/\\/x/g'",
        "dd bs=1 count=5 2>/dev/null",
    )
    for way in bent[:: stride(3)]:
        hijacked.runs(f"({honest}) | {way}")
        ended = hijacked.pull()
        assert isinstance(ended, BckError), way
        assert str(ended).isprintable()
