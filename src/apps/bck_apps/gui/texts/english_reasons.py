"""English texts for what a file's problem comes from. Codes are the server's."""

from collections.abc import Mapping
from typing import Final


def _reason(code: str, title: str, cause: str, advice: str) -> dict[str, str]:
    return {f"reason.{code}.title": title, f"reason.{code}.cause": cause, f"reason.{code}.advice": advice}


REASONS: Final[Mapping[str, str]] = {
    **_reason(
        "no-permission",
        "No right to read",
        "The account that reads for the backup may not read it. What was kept before stays as it was.",
        "Ask for the right to read it on this computer, or for leaving it out of the backup.",
    ),
    **_reason(
        "in-use",
        "In use by a program",
        "Another program holds it. What was kept before stays as it was.",
        "Close that program, or back up when it does not run; the next backup tries again by itself.",
    ),
    **_reason(
        "not-there",
        "Not there",
        "It is not there, or the disk it lies on is not connected. Nothing was marked as deleted.",
        "See that the folder exists and that its disk is connected, then back up again.",
    ),
    **_reason(
        "read-error",
        "Disk error",
        "The disk could not read it, as a disk does that begins to fail. Earlier copies are kept.",
        "Have that disk checked soon, and copy what matters from it while it still answers.",
    ),
    **_reason(
        "name-too-long",
        "Name too long",
        "Its name or its whole path is longer than the storage takes: 255 bytes, or about 4000.",
        "Give it, or the folders above it, a shorter name, or ask for leaving it out of the backup.",
    ),
    **_reason(
        "vanished",
        "Gone while the backup read",
        "It was deleted or renamed while the backup read its folder. The next backup decides about it.",
        "Nothing to do.",
    ),
    **_reason(
        "unreadable",
        "Could not be read",
        "The computer could not read it. Earlier copies are kept.",
        "Try to open it; the next backup tries again by itself.",
    ),
    **_reason(
        "unlisted",
        "Folder could not be opened",
        "The computer could not list this folder. Everything in it keeps its last known state.",
        "Try to open the folder; the next backup tries again by itself.",
    ),
    **_reason(
        "store-refused",
        "Refused by the storage",
        "The storage on the server could not take it. What was kept before stays as it was.",
        "Tell your administrator: bck doctor on the server says more.",
    ),
    **_reason(
        "harmed",
        "Stored copy was harmed",
        "The stored copy had changed since it was backed up. It is set aside; the computer's took its place.",
        "Tell your administrator, who should look for what writes there, or for a failing disk.",
    ),
    **_reason(
        "forged",
        "Forged content",
        "The computer sent, unasked, a file made to look like the one before. Earlier copies are kept.",
        "Tell your administrator at once: somebody may have taken this computer over.",
    ),
    **_reason(
        "not-restored",
        "Could not be written",
        "It could not be written where it should go.",
        "Make room or give the right to write there, then restore that path again.",
    ),
    **_reason(
        "bad-rule",
        "Rule that cannot be used",
        "A rule in a .bckignore file cannot be used, so it leaves nothing out.",
        "Correct that line; the message says what is wrong with it.",
    ),
    **_reason(
        "not-understood",
        "Not understood",
        "The message is not understood, so nobody knows what it hides: nothing counts as deleted.",
        "Read it as it stands. If it comes back after every backup, tell your administrator.",
    ),
}
