"""Whether lines of an audit log are those that were written: nothing changed, removed, moved or cut off."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bckcore.domain.audit import START, Entry, Head, decoded, digest
from bckcore.errors import StorageError

MOST_BREAKS = 100


class Break(StrEnum):
    """In which way a chain is broken."""

    UNREADABLE = "unreadable"
    """A line is no entry."""
    CHANGED = "changed"
    """An entry is not the one that the next one names, or that was remembered."""
    REMOVED = "removed"
    """Entries are missing between two others, or before the first."""
    REORDERED = "reordered"
    """An entry stands in another place, or twice."""
    TRUNCATED = "truncated"
    """The newest entries, which were remembered elsewhere, are missing."""
    EMPTY = "empty"
    """There is no entry at all, and nothing is remembered: an installation enters its own start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One place at which the chain does not hold."""

    kind: Break
    first: int
    """Number of the entry; of the first one where several are missing."""
    last: int

    @property
    def sentence(self) -> str:
        """For people."""
        if self.kind is Break.EMPTY:
            return "There is no entry, not even of the start of this installation: the log was emptied."
        entries = f"Entry {self.first}" if self.first == self.last else f"Entries {self.first} to {self.last}"
        words = {
            Break.UNREADABLE: "cannot be read: the line is no entry.",
            Break.CHANGED: "was changed after it was written.",
            Break.REMOVED: "is not there." if self.first == self.last else "are not there.",
            Break.REORDERED: "stands in the wrong place, or twice.",
            Break.TRUNCATED: "was cut off from the end."
            if self.first == self.last
            else "were cut off from the end.",
        }
        return f"{entries} {words[self.kind]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a look at all lines found."""

    entries: int
    newest: Head
    breaks: tuple[Broken, ...]
    """In the order of the lines, the first hundred; empty if the chain holds."""
    remembered: Head | None
    """The newest entry that is remembered elsewhere, if any; without it a cut-off end does not show."""

    @property
    def ok(self) -> bool:
        """True if every line is what was written."""
        return not self.breaks

    @property
    def proven(self) -> bool:
        """True if, besides, an end that was cut off would show."""
        return self.ok and self.remembered is not None


class _Follow:
    """Follows the chain line by line."""

    def __init__(self, remembered: Head | None, strayed: Head | None) -> None:
        self.remembered = remembered
        self.known = [head for head in (remembered, strayed) if head is not None]
        self.newest = START
        self.entries = 0
        self.breaks: list[Broken] = []

    def take(self, line: bytes) -> None:
        """The next line."""
        self.entries += 1
        try:
            entry = decoded(line)
        except StorageError:
            number = self.newest.number + 1
            self._broken(Break.UNREADABLE, number)
            self._go_on(Head(number=number, digest=digest(line)))
            return
        self._place(entry, Head(number=entry.number, digest=digest(line)))

    def _place(self, entry: Entry, head: Head) -> None:
        number, newest = entry.number, self.newest
        if number <= newest.number:
            self._moved(number)
            return
        if number > newest.number + 1:
            self._broken(Break.REMOVED, newest.number + 1, number - 1)
        elif entry.previous != newest.digest:
            # Either the line before or this one names another past; the one before cannot defend itself.
            self._broken(Break.CHANGED, max(newest.number, 1))
        self._go_on(head)

    def _go_on(self, head: Head) -> None:
        if any(head.number == known.number and head.digest != known.digest for known in self.known):
            self._broken(Break.CHANGED, head.number)
        self.newest = head

    def _moved(self, number: int) -> None:
        """An earlier entry comes late: what was taken for missing is only in the wrong place."""
        for place, one in enumerate(self.breaks):
            if one.kind is Break.REMOVED and one.first == number == one.last:
                del self.breaks[place]
                break
        self._broken(Break.REORDERED, number)

    def end(self) -> Proof:
        """After the last line."""
        last = max((known.number for known in self.known), default=0)
        if self.newest.number < last:
            self._broken(Break.TRUNCATED, self.newest.number + 1, last)
        elif not self.entries:
            self._broken(Break.EMPTY, 1)
        return Proof(
            entries=self.entries,
            newest=self.newest,
            breaks=tuple(self.breaks),
            remembered=self.remembered,
        )

    def _broken(self, kind: Break, first: int, last: int | None = None) -> None:
        if len(self.breaks) < MOST_BREAKS:
            self.breaks.append(Broken(kind=kind, first=first, last=first if last is None else last))


def proved(lines: Iterable[bytes], remembered: Head | None = None, strayed: Head | None = None) -> Proof:
    """Follow the chain through all lines, oldest first; never raises for what they hold.

    No line at all is a break: every installation enters its own start. With ``remembered``, the newest entry
    known from elsewhere, a missing end and a rewritten past show, too.
    With ``strayed``, an entry that was made when the remembered one was not there, it shows for good.
    """
    follow = _Follow(remembered, strayed)
    for line in lines:
        follow.take(line)
    return follow.end()
