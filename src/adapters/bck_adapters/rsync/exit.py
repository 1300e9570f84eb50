"""Pure: how an attempt ended, decided by exit code *and* what was said.

The code alone misleads: 255 is a PC that is off, but also a wrong key and an impostor; 12 is a broken
line, but also a PC without rsync; a full store comes as 11 or 23.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bck_adapters.rsync.messages import MessageReader, Sign, naming
from bckcore.errors import (
    AuthenticationError,
    BckError,
    HostKeyChangedError,
    HostKeyUnknownError,
    HostUnreachableError,
    PathNotAllowedError,
    PrivateKeyError,
    RsyncMissingError,
    SentTwiceError,
    StoreFullError,
    TransferFailedError,
    TransferInterruptedError,
    TransferTimeoutError,
)

FINISHED = frozenset({0, 23, 24})
"""Codes after which there is a report: everything, partial, with vanished files."""
_PASSING = frozenset({10, 15, 16, 19, 20})
"""15 and 16: rsync's own child crashed or was ended by a signal."""
_TIMEOUTS = frozenset({30, 35})

# What ssh itself says, at log level ERROR.
_CHANGED = (
    b"REMOTE HOST IDENTIFICATION HAS CHANGED",
    b"Host key verification failed",
    b"host key is known for",
    b"host key for pc has changed",
    b"no matching host key type",
)
_WRONG_KEY = (
    b"Permission denied (",
    b"Too many authentication failures",
    b"no mutual signature",
)
_UNREADABLE_KEY = (b'Load key "',)
"""ssh goes on without the key, so the host's refusal follows; it is not the cause."""
_UNREACHABLE = (
    b"ssh: connect to host",
    b"ssh: Could not resolve hostname",
    b"kex_exchange_identification",
    b"Connection closed by",
    b"Connection reset by",
    b"Connection timed out during banner exchange",
)
_GATE = (b"bck-gate: refused: ",)
_FINGERPRINT = re.compile(rb"^SHA256:[A-Za-z0-9+/]{43}(?=\.?$)", re.MULTILINE)
"""Of the key that is shown, in ssh's warning that it has changed."""
_TOO_LONG = b"backup filename too long"
_NO_MEMORY = 22
_NO_MEMORY_WORDS = (b"out of memory", b"exceeded --max-alloc")
_CHATTERING = b"is your shell clean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What is known when rsync is gone."""

    code: int
    """Exit code; negative for the signal that killed it."""
    host: str
    """How people call the host."""
    messages: MessageReader


def error_of(ending: Ending) -> BckError | None:
    """The error an attempt ended with; None if it came to its end and there is a report."""
    said = ending.messages
    if Sign.STORE_FULL in said.signs:
        return store_full()
    if ending.code in FINISHED:
        return None
    refused = any(line.startswith(_GATE) for line in said.unknown)
    silent = ending.code in (127, 255) and Sign.LOST not in said.signs
    if refused or silent or Sign.BEFORE_FIRST_BYTE in said.signs:
        return _never_began(ending)
    if any(_CHATTERING in line for line in said.unknown):
        return no_rsync(ending.host, _words(ending))
    return _broke_off(ending)


def store_full() -> StoreFullError:
    """No room on the receiving side."""
    return StoreFullError(
        "The backup storage has no room left.",
        meaning="The transfer was stopped. Everything the storage held before is still there.",
        advice="Free bytes, inodes or quota, or add storage, then start the backup again.",
    )


def sent_twice(host: str) -> SentTwiceError:
    """Two copies of one path were displaced in one attempt."""
    return SentTwiceError(
        f"{host} sent a file twice in one transfer.",
        meaning="No honest rsync does that; it is how a PC that was taken over would have the good copy "
        "overwritten. The transfer was stopped, and that copy is kept.",
        advice="Find out what answers on that PC before you back it up again. Its restore points from before "
        "are as they were; the log names the file.",
    )


def sent_more(host: str) -> TransferFailedError:
    """A file was larger than announced, where that is bounded."""
    return TransferFailedError(
        f"A file of {host} was larger than the list of its files said.",
        meaning="It grew while it was read, or the PC says what is not so. The transfer was stopped, and "
        "nothing of it is kept.",
        advice="Start it again. If it happens again, find out what answers on that PC.",
    )


def _broke_off(ending: Ending) -> BckError:
    said = _words(ending)
    if ending.code in _TIMEOUTS:
        return TransferTimeoutError(
            f"{ending.host} sent nothing for too long.{said}",
            meaning="The transfer was given up; what had arrived is kept.",
            advice="It is tried again. If it happens often, raise the idle timeout.",
        )
    killed_by = _signal_of(ending.code)
    if killed_by or ending.code in _PASSING or ending.code in (12, 127, 255):
        how = f"signal {killed_by}" if killed_by else f"code {ending.code}"
        return TransferInterruptedError(
            f"The transfer from {ending.host} broke off ({how}).{said}",
            meaning="What had arrived is kept; the next try goes on from there.",
            advice="It is tried again. If it happens often, look at the network and the host's sleep mode.",
        )
    if ending.code == _NO_MEMORY and any(_is_ours(line) for line in ending.messages.unknown):
        return TransferFailedError(
            f"What {ending.host} sent needs more memory than rsync may have here.{said}",
            meaning="rsync was stopped, so that the server goes on. Nothing the storage held was lost.",
            advice="A list of names takes 100 to 150 bytes each. If there are really that many files in one "
            "folder, allow more (setting runner.transfer_memory) or make several sources of it; if not, "
            "find out what answers on that PC.",
        )
    if any(_TOO_LONG in line for line in ending.messages.unknown):
        return TransferFailedError(
            f"A path on {ending.host} is so long that its old copy could not be kept.{said}",
            meaning="rsync stopped before it overwrote anything; the source is backed up no further.",
            advice="Shorten or exclude paths of more than 4,000 bytes on the host.",
        )
    return TransferFailedError(
        f"rsync ended with code {ending.code}.{said}",
        meaning="Trying again would end the same way. Nothing the storage held was lost.",
        advice="Read the last lines of the job's log; mend what they name, then start the backup again.",
    )


def _is_ours(line: bytes) -> bool:
    """True if the rsync that ran out of memory is the one here, as far as it says."""
    return any(words in line for words in _NO_MEMORY_WORDS) and b"[sender]" not in line


def _signal_of(code: int) -> int:
    """The signal that ended rsync: here (negative), or on the PC, whose shell says 128 + signal; else 0."""
    if code < 0:
        return -code
    return code - 128 if 128 < code < 128 + 65 else 0


def _never_began(ending: Ending) -> BckError:
    """The connection ended before rsync on the PC had said a word.

    rsync often ends with 12 before it knows that its ssh ended with 255, so the words come first.
    """
    heard = b"\n".join(ending.messages.unknown)
    table: tuple[tuple[tuple[bytes, ...], Callable[[str, str], BckError]], ...] = (
        (_CHANGED, host_key_changed),
        (_UNREADABLE_KEY, key_unreadable),
        (_WRONG_KEY, login_refused),
        (_UNREACHABLE, unreachable),
        (_GATE, gate_refused),
    )
    for marks, error in table:
        if any(mark in heard for mark in marks):
            found = error(ending.host, _words(ending))
            if isinstance(found, HostKeyChangedError):
                found.shown = tuple(text.decode() for text in _FINGERPRINT.findall(heard))
            return found
    if ending.code == 255:
        return unreachable(ending.host, _words(ending))
    if ending.code in (12, 126, 127):
        return no_rsync(ending.host, _words(ending))
    return _broke_off(ending)


def unreachable(host: str, said: str) -> BckError:
    """The host did not answer."""
    return HostUnreachableError(
        f"{host} does not answer.{said}",
        meaning="It is off, asleep, or not on the network, or its ssh service is not running.",
        advice="Wake the machine and check its address and port.",
    )


def gate_refused(host: str, said: str) -> BckError:
    """The gate on the host did not let the command through."""
    return PathNotAllowedError(
        f"The gate on {host} refused.{said}",
        meaning="The PC has an allow-list of its own, and both must agree. Nothing was read or changed.",
        advice=f"If it names a folder, allow that in /etc/bck-gate.toml on {host}, or take it out of the "
        "profile. If it names a file, mend that file there.",
    )


def login_refused(host: str, said: str) -> BckError:
    """The host refused what it was shown."""
    return AuthenticationError(
        f"{host} did not let the server in.{said}",
        meaning="The machine is there, but refuses what it was shown.",
        advice=f"See what its account must hold: bck host key {host}",
    )


def key_unreadable(host: str, said: str) -> BckError:
    """Our own key is none; the host is not to blame."""
    return PrivateKeyError(
        f"The private key that this server keeps for {host} cannot be read.{said}",
        meaning="It is damaged, protected by a pass phrase, or no key; the host was not asked to accept it.",
        advice="Give a private key without pass phrase whose public half the host accepts: "
        f"bck host set {host} --key FILE",
    )


def host_key_changed(host: str, said: str) -> HostKeyChangedError:
    """The host shows another key than the pinned one."""
    return HostKeyChangedError(
        f"{host} shows another host key than the pinned one.{said}",
        meaning="The machine was reinstalled, or another one stands in its place. Nothing was sent to it.",
        advice="Compare the fingerprint at the machine itself; only then pin the key of which you made sure: "
        f'bck host set {host} --host-key "$(cat ssh_host_ed25519_key.pub)"',
    )


def host_key_unknown(host: str, said: str) -> BckError:
    """Nothing is pinned for the host."""
    return HostKeyUnknownError(
        f"No host key is pinned for {host}.{said}",
        meaning="The server cannot tell whether it speaks with the right machine, so it does not speak.",
        advice="Compare the fingerprint at the machine itself and pin the key of which you made sure: "
        f'bck host set {host} --host-key "$(cat ssh_host_ed25519_key.pub)". '
        f"Or have the PC hand it over for a token: bck host enrol {host}",
    )


def no_rsync(host: str, said: str) -> BckError:
    """The host has no usable rsync, or refuses to start it."""
    return RsyncMissingError(
        f"{host} did not start rsync.{said}",
        meaning="rsync is not installed there, not on the account's path, or its forced command refused.",
        advice="Install rsync 3.4.0 or newer on the host and see that `ssh HOST rsync --version` works.",
    )


def _words(ending: Ending) -> str:
    """The last thing the programs said, for people; with a leading blank."""
    for line in reversed(ending.messages.unknown):
        if line.strip(b"@ "):
            return f" ({naming(line, ending.host)[:300]})"
    return ""
