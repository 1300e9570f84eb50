"""What a PC's rsync complains of, by path."""

from __future__ import annotations

import pytest

from bck_adapters.rsync.messages import Sign
from bck_adapters.rsync.push_messages import PushMessages
from bckcore.domain.paths import RelPath

STAGED = [
    RelPath(path)
    for path in (b".", b"d", b"d/f", b"n" * 255, b'a" -> "b', b"caf\xe9", b"new\nline", b".f.abcdef", b"f")
]


def heard(*lines: bytes) -> PushMessages:
    messages = PushMessages(target=b"/pc/docs", staged=STAGED)
    for line in lines:
        messages.read(line)
    return messages


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (b'rsync: [receiver] mkstemp "/pc/docs/d/.f.a1B2c3" failed: Permission denied (13)', b"d/f"),
        (b'rsync: [receiver] mkstemp "/pc/docs/.%s.a1B2c3" failed: Why (13)' % (b"n" * 247), b"n" * 255),
        (b'rsync: [generator] recv_generator: mkdir "/pc/docs/d" failed: Permission denied (13)', b"d"),
        (b'rsync: [generator] failed to set times on "/pc/docs/d/f": Operation not permitted (1)', b"d/f"),
        (b'rsync: [receiver] rename "/pc/docs/d/.f.a1B2c3" -> "d/f": Operation not permitted (1)', b"d/f"),
        (b'rsync: [generator] symlink "/pc/docs/f" -> "else" failed: Permission denied (13)', b"f"),
        (b'rsync: [generator] chown "/pc/docs/a" -> "b" failed: Operation not permitted (1)', b'a" -> "b'),
        (b'rsync: [receiver] mkstemp "/pc/docs/.caf\\#351.a1B2c3" failed: Why (13)', b"caf\xe9"),
        (b'rsync: [sender] send_files failed to open "/pc/docs/f": Permission denied (13)', b"f"),
        (b"could not make way for new regular file: d/f", b"d/f"),
        (b"could not make way for new symlink: new\\#012line", b"new\nline"),
        (b'skipping non-regular file "f"', b"f"),
        (b"ERROR: d/f failed verification -- update discarded.", b"d/f"),
        (b'rsync: [generator] recv_generator: failed to stat "/pc/docs/.f.abcdef": Why (13)', b".f.abcdef"),
    ],
)  # fmt: skip
def test_a_complaint_is_a_problem_of_its_path(line: bytes, path: bytes) -> None:
    messages = heard(line)
    assert list(messages.problems) == [path]
    assert messages.problems[RelPath(path)].message
    assert not messages.host_full


@pytest.mark.parametrize(
    "line",
    [
        b'rsync: [receiver] write failed on "/pc/docs/d/f": No space left on device (28)',
        b'rsync: [receiver] mkstemp "/pc/docs/d/.f.a1B2c3" failed: No space left on device (28)',
        b'rsync: [generator] recv_generator: mkdir "/pc/docs/d" failed: Disk quota exceeded (122)',
    ],
)
def test_a_full_pc_is_known_and_not_taken_for_a_full_storage(line: bytes) -> None:
    messages = heard(line)
    assert messages.host_full
    assert Sign.STORE_FULL not in messages.connection.signs


def test_our_own_full_disk_is_not_the_pcs() -> None:
    assert not heard(b'rsync: [sender] read errors mapping "/x": No space left on device (28)').host_full


def test_a_warning_of_a_second_try_and_what_only_follows_are_no_problems() -> None:
    messages = heard(
        b"WARNING: d/f failed verification -- update discarded (will try again).",
        b"cannot delete non-empty directory: d",
        b"*** Skipping any contents from this failed directory ***",
        b"created directory /pc/docs",
        b"rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1394)",
    )
    assert messages.problems == {}
    assert messages.connection.unknown == []


def test_what_is_said_of_the_target_itself_can_be_told() -> None:
    line = b'rsync: [Receiver] ERROR: cannot stat destination "/pc/docs/": Not a directory (20)'
    assert heard(line).about_target == [line]


def test_a_path_that_is_none_of_ours_is_not_understood() -> None:
    line = b'rsync: [receiver] mkstemp "/etc/.passwd.a1B2c3" failed: Permission denied (13)'
    messages = heard(line)
    assert messages.problems == {}
    assert messages.connection.unknown == [line]
