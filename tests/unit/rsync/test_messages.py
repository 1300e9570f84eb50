"""Standard error of rsync 3.2 to 3.5, as recorded, classed."""

from __future__ import annotations

import pytest

from bck_adapters.rsync.messages import KEPT_FOLDERS, KEPT_PROBLEMS, MessageReader, Sign, as_theirs
from bckcore.domain.transfer import ProblemKind


def reader() -> MessageReader:
    """One for /home/u/docs that is stored in /s/c/docs."""
    return MessageReader(source_root=b"/home/u/docs", places=(b"/s/c/docs", b"/s/.work/a/1/d"))


UNLISTED = [
    (b'rsync: [sender] opendir "/home/u/docs/d" failed: Permission denied (13)', b"d"),
    (b'rsync: opendir "/home/u/docs/d/e" failed: Permission denied (13)', b"d/e"),
    (b'rsync: [sender] readdir("/home/u/docs/d"): Input/output error (5)', b"d"),
    (b'rsync: [sender] link_stat "/home/u/docs/x" failed: Permission denied (13)', b"x"),
    (b'rsync: [sender] readlink_stat("/home/u/docs/x") failed: Permission denied (13)', b"x"),
    (b'rsync: [sender] change_dir "/home/u/docs" failed: No such file or directory (2)', b"."),
    (b'rsync: [sender] link_stat "/home/u/docs/." failed: No such file or directory (2)', b"."),
    (b'rsync: [sender] opendir "/home/u/docs/new\\#012line" failed: Permission denied (13)', b"new\nline"),
    (
        b'rsync: [sender] opendir "/home/u/docs/a" failed: x (1)" failed: Permission denied (13)',
        b'a" failed: x (1)',
    ),
]


@pytest.mark.parametrize(("line", "path"), UNLISTED)
def test_a_folder_that_could_not_be_listed(line: bytes, path: bytes) -> None:
    messages = reader()
    assert messages.read(line) is None
    assert messages.unlisted == {path}
    assert [(problem.kind, problem.path) for problem in messages.problems] == [(ProblemKind.UNLISTED, path)]


@pytest.mark.parametrize(
    "line",
    [
        b'rsync: [sender] send_files failed to open "/home/u/docs/a/f": Permission denied (13)',
        b'rsync: send_files failed to open "/home/u/docs/a/f": Permission denied (13)',
        b'rsync: [sender] read errors mapping "/home/u/docs/a/f": Input/output error (5)',
    ],
)
def test_a_file_that_could_not_be_read_is_present(line: bytes) -> None:
    messages = reader()
    assert messages.read(line) == b"a/f"
    assert messages.unlisted == set()
    assert messages.problems[0].kind is ProblemKind.UNREADABLE


@pytest.mark.parametrize("what", [b"file", b"directory"])
def test_a_file_that_vanished(what: bytes) -> None:
    messages = reader()
    assert messages.read(what + b' has vanished: "/home/u/docs/a -> b"') is None
    assert messages.vanished == {b"a -> b"}
    assert messages.problems[0].kind is ProblemKind.VANISHED


@pytest.mark.parametrize(
    "line",
    [
        b'rsync: [generator] recv_generator: mkdir "/s/c/docs/a/f" failed: File name too long (36)',
        b'rsync: [receiver] rename "/s/.work/a/1/t/.f.X1" -> "/s/c/docs/a/f": Is a folder (21)',
        b"could not make way for new regular file: a/f",
        b"ERROR: a/f failed verification -- update discarded.",
        b'rsync: [generator] failed to set times on "/s/c/docs/a/f": Operation not permitted (1)',
    ],
)
def test_what_the_store_did_not_take_is_named_and_keeps_its_state(line: bytes) -> None:
    messages = reader()
    present = messages.read(line)
    assert messages.problem_count == 1
    assert messages.problems[0].kind is ProblemKind.NOT_STORED
    assert present == b"a/f" or messages.unlisted == {b"."}
    assert messages.unlisted


@pytest.mark.parametrize(
    ("line", "full"),
    [
        (b'rsync: [receiver] write failed on "/s/current/x": No space left on device (28)', True),
        (b'rsync: [generator] mkstemp "/s/x" failed: Disk quota exceeded (122)', True),
        (b"rsync: [Receiver] write error: No space left on device (28)", True),
        (b"rsync: [sender] write error: No space left on device (28)", False),
        (b'file has vanished: "/home/u/docs/No space left on device"', False),
        (b"No space left on device", False),
    ],
)
def test_a_full_store_is_one_of_ours_not_the_pcs(line: bytes, *, full: bool) -> None:
    messages = reader()
    messages.read(line)
    assert (Sign.STORE_FULL in messages.signs) is full


@pytest.mark.parametrize(
    ("received", "sign"), [(b"0", Sign.BEFORE_FIRST_BYTE), (b"10", Sign.LOST), (b"100", Sign.LOST)]
)
def test_a_closed_connection_says_if_rsync_had_answered(received: bytes, sign: Sign) -> None:
    messages = reader()
    messages.read(b"rsync: connection unexpectedly closed (%s bytes received so far) [Receiver]" % received)
    assert messages.signs == {sign}
    assert messages.problems == []


@pytest.mark.parametrize(
    "line",
    [
        b"rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1956)",
        b"rsync warning: some files vanished before they could be transferred (code 24)",
        b"rsync: [Receiver] write error: Broken pipe (32)",
        b"*** Skipping any contents from this failed directory ***",
        b"IO error encountered -- skipping file deletion",
        b"WARNING: a/f failed verification -- update put into partial-dir (will try again).",
        b"",
    ],
)
def test_what_only_follows_from_another_message_is_no_problem_of_its_own(line: bytes) -> None:
    messages = reader()
    messages.read(line)
    messages.count_unknown()
    assert messages.problems == []
    assert messages.unlisted == set()


def test_what_is_not_understood_makes_the_whole_listing_incomplete() -> None:
    messages = reader()
    messages.read(b"rsync: [sender] something new happened to x")
    messages.count_unknown()
    assert messages.unlisted == {b"."}
    assert messages.problems[0].kind is ProblemKind.UNKNOWN


def test_a_path_outside_the_source_makes_the_whole_listing_incomplete() -> None:
    messages = reader()
    messages.read(b'rsync: [sender] opendir "/home/u/docs/../../etc" failed: Permission denied (13)')
    assert messages.unlisted == {b"."}


def test_messages_for_people_hold_no_control_characters() -> None:
    messages = reader()
    messages.read(b'file has vanished: "/home/u/docs/\x1b[31m\xff"')
    assert messages.problems[0].message.isprintable()


def test_any_number_of_problems_takes_little_memory() -> None:
    messages = reader()
    for number in range(KEPT_FOLDERS + 10):
        messages.read(b'rsync: [sender] opendir "/home/u/docs/%d" failed: Permission denied (13)' % number)
    assert messages.problem_count == KEPT_FOLDERS + 10
    assert len(messages.problems) == KEPT_PROBLEMS
    assert messages.unlisted == {b"."}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            b"Host key for pc has changed and you have requested strict checking.",
            "rsync: Host key for anna-1 has changed and you have requested strict checking.",
        ),
        (
            b"No ED25519 host key is known for pc and you have requested strict checking.",
            "rsync: No ED25519 host key is known for anna-1 and you have requested strict checking.",
        ),
        (b"me@pc: Permission denied (publickey).", "rsync: me@anna-1: Permission denied (publickey)."),
        (b"ssh: connect to host 192.0.2.7 port 22: No route to host",) * 2,
        (b"ssh: connect to host a port 22: Refused\r", "ssh: connect to host a port 22: Refused"),
        (b"rsync error: unexplained error (code 255) at io.c(232)",) * 2,
        (b'rsync: [sender] opendir "/me@pc x" failed: Permission denied (13)',) * 2,
    ],
)
def test_what_the_programs_said_is_marked_as_theirs_and_names_the_host(
    line: bytes, told: str | bytes
) -> None:
    assert as_theirs(line, "anna-1") == (told if isinstance(told, str) else told.decode())
