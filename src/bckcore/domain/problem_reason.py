"""Why a path had a problem, in words for people: what it comes from and what to do. Pure.

The kind says what became of the path; the program's own message says more. What it ends with is the
operating system's word, the same from rsync on Linux and under Windows.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from bckcore.domain.transfer import ProblemKind


class Reason(StrEnum):
    """What a problem comes from."""

    NO_PERMISSION = "no-permission"
    IN_USE = "in-use"
    NOT_THERE = "not-there"
    READ_ERROR = "read-error"
    NAME_TOO_LONG = "name-too-long"
    VANISHED = "vanished"
    UNREADABLE = "unreadable"
    UNLISTED = "unlisted"
    STORE_REFUSED = "store-refused"
    HARMED = "harmed"
    FORGED = "forged"
    NOT_RESTORED = "not-restored"
    BAD_RULE = "bad-rule"
    NOT_UNDERSTOOD = "not-understood"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a person is told of a problem."""

    reason: Reason
    cause: str
    """What it comes from, and what that means for what is kept."""
    advice: str
    """What to do."""


_ALL = (
    Explanation(
        reason=Reason.NO_PERMISSION,
        cause="The account that reads for the backup may not read it. What was kept before stays as it was.",
        advice="Give that account the right to read it on the PC, or leave it out with --exclude.",
    ),
    Explanation(
        reason=Reason.IN_USE,
        cause="Another program on the PC holds it. What was kept before stays as it was.",
        advice="Close that program, or back up when it does not run; the next run tries again by itself.",
    ),
    Explanation(
        reason=Reason.NOT_THERE,
        cause="It is not there, or the disk it lies on is not connected. Nothing was marked as deleted.",
        advice="See that the folder exists on the PC and that its disk is connected, then back up again.",
    ),
    Explanation(
        reason=Reason.READ_ERROR,
        cause="The PC's disk could not read it, as a disk does that begins to fail. Earlier copies stay.",
        advice="Check that disk soon, and copy what matters from it while it still answers.",
    ),
    Explanation(
        reason=Reason.NAME_TOO_LONG,
        cause="Its name or its whole path is longer than the storage takes: 255 bytes, or about 4000.",
        advice="Give it, or the folders above it, a shorter name on the PC, or leave it out with --exclude.",
    ),
    Explanation(
        reason=Reason.VANISHED,
        cause="It was deleted or renamed while the run read its folder. The next run decides about it.",
        advice="Nothing to do. If the same names come back after every run, leave them out with --exclude.",
    ),
    Explanation(
        reason=Reason.UNREADABLE,
        cause="The PC could not read it; the message has the system's own words. Earlier copies stay.",
        advice="Try to open it on the PC; the next run tries again by itself.",
    ),
    Explanation(
        reason=Reason.UNLISTED,
        cause="The PC could not list this folder. Everything in it keeps its last known state.",
        advice="Try to open the folder on the PC; the next run tries again by itself.",
    ),
    Explanation(
        reason=Reason.STORE_REFUSED,
        cause="The storage could not take it. What was kept before stays as it was.",
        advice="Look at the storage on the server: bck doctor.",
    ),
    Explanation(
        reason=Reason.HARMED,
        cause="The stored copy had changed since it was backed up. It is set aside; the PC's took its place.",
        advice="Find out what writes there, or whether its disk fails: bck check PROFILE --read-data.",
    ),
    Explanation(
        reason=Reason.FORGED,
        cause="The PC sent, unasked, bytes made to look like those before. Earlier points keep the good.",
        advice="Somebody has taken the PC over: take it off the network. Restore from a point before it.",
    ),
    Explanation(
        reason=Reason.NOT_RESTORED,
        cause="It could not be written where it should go; what was there is as the message says.",
        advice="Make room or give the right to write there, then restore that path again.",
    ),
    Explanation(
        reason=Reason.BAD_RULE,
        cause="A rule in a .bckignore file on the PC cannot be used, so it leaves nothing out.",
        advice="Correct that line on the PC; the message says what is wrong with it.",
    ),
    Explanation(
        reason=Reason.NOT_UNDERSTOOD,
        cause="The message is not understood, so nobody knows what it hides: nothing counts as deleted.",
        advice="Read it as it stands. If it comes back after every run, report it with the version of rsync.",
    ),
)
EXPLANATIONS = {one.reason: one for one in _ALL}
"""One for each reason."""

_OF_KIND = {
    ProblemKind.UNLISTED: Reason.UNLISTED,
    ProblemKind.UNREADABLE: Reason.UNREADABLE,
    ProblemKind.VANISHED: Reason.VANISHED,
    ProblemKind.NOT_STORED: Reason.STORE_REFUSED,
    ProblemKind.HARMED: Reason.HARMED,
    ProblemKind.FORGED: Reason.FORGED,
    ProblemKind.NOT_RESTORED: Reason.NOT_RESTORED,
    ProblemKind.FILTER: Reason.BAD_RULE,
    ProblemKind.UNKNOWN: Reason.NOT_UNDERSTOOD,
}
_ON_THE_PC = frozenset({ProblemKind.UNLISTED, ProblemKind.UNREADABLE})
_SAYS = {
    Reason.NO_PERMISSION: re.compile(r"(?:Permission denied|Operation not permitted)(?: \(\d+\))?$"),
    Reason.IN_USE: re.compile(r"(?:Device or resource busy|Text file busy)(?: \(\d+\))?$"),
    Reason.NOT_THERE: re.compile(r"No such file or directory(?: \(\d+\))?$"),
    Reason.READ_ERROR: re.compile(r"Input/output error(?: \(\d+\))?$"),
}
_TOO_LONG = re.compile(r"File ?name too long(?: \(\d+\))?$")


def explained(kind: ProblemKind, message: str) -> Explanation:
    """What a problem of that kind with that message comes from, and what to do."""
    return EXPLANATIONS[_reason(kind, message.strip())]


def _reason(kind: ProblemKind, message: str) -> Reason:
    if kind is ProblemKind.NOT_STORED and _TOO_LONG.search(message):
        return Reason.NAME_TOO_LONG
    if kind in _ON_THE_PC:
        for reason, pattern in _SAYS.items():
            if pattern.search(message):
                return reason
    return _OF_KIND[kind]
