"""A sender that speaks rsync's protocol and keeps to nothing: nothing leaves its folder, nothing breaks."""

from __future__ import annotations

import stat
from random import Random

import pytest

from bckcore.domain.transfer import TransferOptions
from bckcore.errors import BckError
from bckcore.ports.transport import PullReport
from tests.integration.hostile.conftest import Hijacked
from tests.support.foreign_text import CARELESS
from tests.support.patience import later

pytestmark = pytest.mark.usefixtures("unharmed")

LEAD_OUT = [
    b"../escape",
    b"../../../../server/file",
    b"..",
    b"a/../../escape",
    b"a/..",
    b"/etc/cron.d/evil",
    b"//double",
    b"./../escape",
    b"x/./../../escape",
]
ODD = [
    b".",
    b"",
    b"a//b",
    b"a/",
    b"\n../escape",
    b"n" * 300,
    b"/".join([b"d" * 200] * 25),
    b"\x1b]0;owned\x07",
    b"\\#056\\#056/escape",
]
OWNED = b"owned"
DIR, FILE, LINK, FIFO, CHAR, BLOCK = 0o40755, 0o100644, 0o120777, 0o10644, 0o20666, 0o60666
INFO, ERROR_XFER, ERROR, WARNING, LOG, DELETED, SUCCESS, NO_SEND = 2, 1, 3, 4, 6, 101, 100, 102


def root() -> dict[str, object]:
    return {"name": b".".hex(), "mode": DIR, "size": 4096}


def one(name: bytes, **more: object) -> dict[str, object]:
    return {"name": name.hex(), **more}


def ends_well_or_as_ours(hijacked: Hijacked) -> str:
    """How the attempt ended, in words without anything that steers a terminal or forges a line."""
    ended = hijacked.pull()
    said = [str(ended)] if isinstance(ended, BckError) else [one.message for one in ended.problems]
    for text in (*said, *hijacked.rig.watcher.lines):
        assert text.isprintable(), text
    return said[0] if said else ""


@pytest.mark.parametrize("mode", [FILE, DIR], ids=["file", "folder"])
@pytest.mark.parametrize("name", LEAD_OUT, ids=range(len(LEAD_OUT)))
def test_a_name_that_leads_elsewhere_is_refused_and_writes_nothing(
    hijacked: Hijacked, name: bytes, mode: int
) -> None:
    hijacked.speaks(entries=[root(), one(b"good"), one(name, mode=mode)], content=OWNED.hex())
    ended = hijacked.pull()
    assert isinstance(ended, BckError), ended
    assert list(hijacked.rig.destination.rglob("*")) == []


@pytest.mark.parametrize("mode", [FILE, DIR], ids=["file", "folder"])
@pytest.mark.parametrize("name", ODD, ids=range(len(ODD)))
def test_an_odd_name_stays_in_its_folder_or_is_refused(hijacked: Hijacked, name: bytes, mode: int) -> None:
    hijacked.speaks(entries=[root(), one(name, mode=mode)], content=OWNED.hex())
    ends_well_or_as_ours(hijacked)
    for found in hijacked.rig.destination.rglob("*"):
        assert not found.is_symlink()
        assert found.is_dir() or found.read_bytes() == OWNED


@pytest.mark.parametrize("content", [b"", b"hello", bytes(range(256)) * 1000], ids=len)
def test_the_sender_of_the_tests_is_understood(hijacked: Hijacked, content: bytes) -> None:
    """Else all the refusals would prove nothing: an honest folder and a file with its content arrive."""
    folder, file = one(b"folder", mode=DIR, size=4096), one(b"folder/f", size=len(content))
    hijacked.speaks(entries=[root(), folder, file], content=content.hex())
    ended = hijacked.pull()
    assert isinstance(ended, PullReport), (ended, hijacked.rig.watcher.lines)
    assert ended.problem_count == 0
    assert (hijacked.rig.destination / "folder" / "f").read_bytes() == content


@pytest.mark.parametrize("target", [b"/", b"../../../..", b"../../pc2", b"x" * 5000, b""])
def test_no_link_ever_lies_in_the_store_and_nothing_goes_through_one(
    hijacked: Hijacked, target: bytes
) -> None:
    link = one(b"link", mode=LINK, size=0, target=target.hex())
    beneath = [one(b"link/owned"), one(b"link/deep", mode=DIR)]
    hijacked.speaks(entries=[root(), link, *beneath], content=OWNED.hex())
    ends_well_or_as_ours(hijacked)
    assert [path for path in hijacked.rig.store.rglob("*") if path.is_symlink()] == []


def test_devices_pipes_and_rights_of_root_become_plain_files(hijacked: Hijacked) -> None:
    hijacked.speaks(
        entries=[
            root(),
            one(b"chr", mode=CHAR, size=0, device=[1, 1]),
            one(b"blk", mode=BLOCK, size=0, device=[8, 0]),
            one(b"suid", mode=DIR | 0o6000, size=0),
        ]
    )
    ends_well_or_as_ours(hijacked)
    kinds = {stat.S_IFMT(path.lstat().st_mode) for path in hijacked.rig.store.rglob("*")}
    assert kinds <= {stat.S_IFDIR, stat.S_IFREG}
    assert not any(path.lstat().st_mode & 0o6000 for path in hijacked.rig.destination.rglob("*"))


@pytest.mark.parametrize("size", [4 << 30, 2**63 - 1, *later(2**40, 2**62, -1)])
def test_a_size_that_is_claimed_takes_no_room(hijacked: Hijacked, size: int) -> None:
    hijacked.speaks(entries=[root(), one(b"huge", size=size)], content=OWNED.hex())
    ended = hijacked.pull()
    came = [path for path in hijacked.rig.store.rglob("*huge*") if path.is_file()]
    assert sum(path.stat().st_blocks * 512 for path in came) < 1 << 20
    # Else nothing would have been written that could take room.
    assert isinstance(ended, BckError) or [path.read_bytes() for path in came] == [OWNED]
    assert size != 4 << 30 or came


@pytest.mark.parametrize("length", [2**31 - 1, 2**30, 5000, 0x80000000])
def test_a_length_that_is_claimed_takes_no_memory_and_ends(hijacked: Hijacked, length: int) -> None:
    hijacked.speaks(entries=[root(), one(b"x", name_length=length)])
    assert ends_well_or_as_ours(hijacked)


def test_a_list_without_an_end_takes_no_more_memory_than_it_may(hijacked: Hijacked) -> None:
    hijacked.memory = 128 << 20
    hijacked.rig.options = TransferOptions(idle_timeout=20, total_timeout=120)
    hijacked.speaks(entries=[root()], endless=one(b"n" * 60))
    told = ends_well_or_as_ours(hijacked)
    assert "more memory than rsync may have here" in told, told


@pytest.mark.parametrize("kind", [INFO, ERROR_XFER, ERROR, WARNING, LOG, DELETED, SUCCESS, NO_SEND, 9, 86])
def test_no_message_breaks_a_parser_or_steers_a_log(hijacked: Hijacked, kind: int) -> None:
    said = [
        *CARELESS,
        b"\x1b[2J\x1b]0;owned\x07",
        "\u202egnp.exe\u2066".encode(),
        b"Number of files: 0",
        b"x" * 70000,
    ]
    texts = [(kind, (text + b"\n").hex()) for text in said]
    hijacked.speaks(messages=texts, entries=[root(), one(b"folder", mode=DIR)], after=texts)
    ends_well_or_as_ours(hijacked)


@pytest.mark.parametrize("seed", [0, 1, *later(*range(2, 8))])
def test_noise_in_place_of_a_protocol_ends_in_an_error_of_ours(hijacked: Hijacked, seed: int) -> None:
    noise = Random(seed).randbytes(200_000)
    hijacked.speaks(raw=noise.hex())
    assert ends_well_or_as_ours(hijacked)


@pytest.mark.parametrize("seed", [0, 1, *later(*range(2, 8))])
def test_noise_after_an_honest_list_ends_in_an_error_of_ours(hijacked: Hijacked, seed: int) -> None:
    noise = Random(seed).randbytes(5_000)
    hijacked.speaks(entries=[root(), one(b"a"), one(b"b", size=2**33)], answer=noise.hex())
    assert ends_well_or_as_ours(hijacked)


@pytest.mark.parametrize("protocol", [0, 19, 20, 28, 30, 31, 32, 40, 2**31 - 1])
def test_whatever_protocol_is_claimed_it_comes_to_an_end(hijacked: Hijacked, protocol: int) -> None:
    hijacked.speaks(protocol=protocol, entries=[root(), one(b"../x")])
    assert ends_well_or_as_ours(hijacked)
