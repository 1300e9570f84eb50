"""How an attempt ended: the table of exit codes and words."""

from __future__ import annotations

import pytest

from bck_adapters.rsync.exit import Ending, error_of
from bck_adapters.rsync.messages import MessageReader
from bckcore.errors import (
    AuthenticationError,
    BckError,
    HostKeyChangedError,
    HostUnreachableError,
    PathNotAllowedError,
    PrivateKeyError,
    RsyncMissingError,
    StoreFullError,
    TransferFailedError,
    TransferInterruptedError,
    TransferTimeoutError,
)

EARLY = b"rsync: connection unexpectedly closed (0 bytes received so far) [Receiver]"
LATE = b"rsync: connection unexpectedly closed (1044 bytes received so far) [receiver]"
REFUSED = b"ssh: connect to host 127.0.0.1 port 43155: Connection refused"
NO_KEY = b"u@127.0.0.1: Permission denied (publickey)."
BAD_KEY = b'Load key "/run/bck/ssh-1/key": error in libcrypto'
FULL = b'rsync: [receiver] write failed on "/s/x": No space left on device (28)'


def ended(code: int, *lines: bytes) -> BckError | None:
    """What an attempt with that code and those words counts as."""
    messages = MessageReader(source_root=b"/home/u", places=())
    for line in lines:
        messages.read(line)
    return error_of(Ending(code=code, host="pc1", messages=messages))


@pytest.mark.parametrize("code", [0, 23, 24])
def test_a_transfer_that_came_to_its_end_has_a_report(code: int) -> None:
    assert ended(code) is None


GATE = b"bck-gate: refused: /etc is outside the folders that this PC allows"
CASES: list[tuple[int, tuple[bytes, ...], type[BckError]]] = [
    *((code, (), TransferFailedError) for code in (1, 2, 3, 4, 5, 6, 11, 13, 14, 21, 22, 25, 124, 125, 126)),
    *((code, (), TransferInterruptedError) for code in (10, 15, 16, 20, -9, -15, 137, 143)),
    *((code, (GATE,), PathNotAllowedError) for code in (12, 77)),
    (77, (EARLY, GATE), PathNotAllowedError),
    (12, (GATE, b"rsync: [sender] write error: Broken pipe (32)"), PathNotAllowedError),
    (137, (LATE, b"Killed"), TransferInterruptedError),
    *((code, (), TransferTimeoutError) for code in (30, 35)),
    *((code, (FULL,), StoreFullError) for code in (0, 11, 23, 12, 20)),
    (12, (EARLY,), RsyncMissingError),
    (12, (LATE,), TransferInterruptedError),
    (12, (), TransferInterruptedError),
    (127, (EARLY,), RsyncMissingError),
    (127, (), RsyncMissingError),
    (255, (REFUSED, EARLY), HostUnreachableError),
    (12, (REFUSED, EARLY), HostUnreachableError),
    (255, (b"ssh: Could not resolve hostname x: Name or service not known", EARLY), HostUnreachableError),
    (255, (b"ssh: connect to host x port 22: No route to host", EARLY), HostUnreachableError),
    (255, (b"ssh: connect to host x port 22: Connection timed out", EARLY), HostUnreachableError),
    (255, (b"Connection closed by 10.0.0.7 port 22", EARLY), HostUnreachableError),
    (255, (EARLY,), HostUnreachableError),
    (255, (LATE,), TransferInterruptedError),
    (255, (b"Timeout, server pc not responding.", LATE), TransferInterruptedError),
    (255, (NO_KEY, EARLY), AuthenticationError),
    (12, (NO_KEY, EARLY), AuthenticationError),
    (255, (BAD_KEY, NO_KEY, EARLY), PrivateKeyError),
    (12, (BAD_KEY, NO_KEY, EARLY), PrivateKeyError),
    (12, (b"sh: 1: rsync: Permission denied", EARLY), RsyncMissingError),
    (255, (b"@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", EARLY), HostKeyChangedError),
    (
        255,
        (b"No ED25519 host key is known for pc and you have requested strict checking.", EARLY),
        HostKeyChangedError,
    ),
    (12, (b"Host key verification failed.", EARLY), HostKeyChangedError),
    (2, (b"protocol version mismatch -- is your shell clean?",), RsyncMissingError),
    (30, (EARLY,), TransferTimeoutError),
]


@pytest.mark.parametrize(("code", "lines", "error"), CASES)
def test_code_and_words_decide_together(code: int, lines: tuple[bytes, ...], error: type[BckError]) -> None:
    found = ended(code, *lines)
    assert type(found) is error


@pytest.mark.parametrize(("code", "lines", "error"), CASES)
def test_every_error_says_what_it_means_and_what_to_do(
    code: int, lines: tuple[bytes, ...], error: type[BckError]
) -> None:
    found = ended(code, *lines)
    assert found is not None
    assert found.what
    assert found.meaning
    assert found.advice


@pytest.mark.parametrize(
    "line",
    [
        b"[Receiver] out of memory: my_alloc caller (file=lib/pool_alloc.c, line=169)",
        b"ERROR: out of memory in flist_expand [receiver]",
        b"[generator] exceeded --max-alloc=1G setting (file=flist.c, line=1)",
    ],
)
def test_a_list_that_is_too_long_for_our_memory_is_told_as_that(line: bytes) -> None:
    found = ended(22, line)
    assert found is not None
    assert "more memory than rsync may have here" in found.what
    assert "runner.transfer_memory" in found.advice
    theirs = ended(22, line.replace(b"[Receiver]", b"[sender]").replace(b"[receiver]", b"[sender]"))
    assert ("here" in str(theirs)) == (b"[generator]" in line)


def test_the_programs_own_words_are_quoted_for_people() -> None:
    found = ended(12, b"gate: /etc is not allowed\x1b[0m", EARLY)
    assert found is not None
    assert "gate: /etc is not allowed" in found.what
    assert found.what.isprintable()
