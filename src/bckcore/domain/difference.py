"""Difference: what is not the same at one path in two states."""

from dataclasses import dataclass
from enum import StrEnum

from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import SourceName
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import RelPath


class DifferenceKind(StrEnum):
    """How two states of a path differ."""

    ADDED = "added"
    CHANGED = "changed"
    """Other bytes, or another link target."""
    ATTRIBUTES = "attributes"
    """The same content; times, mode or owner differ."""
    TYPE = "type"
    """A file became a folder, a folder a link, and so on."""
    GONE = "gone"
    EXCLUDED = "excluded"
    """Left out by a filter, or its source was dropped; not known to be gone."""


SIGNS = {
    DifferenceKind.ADDED: "+",
    DifferenceKind.CHANGED: "M",
    DifferenceKind.ATTRIBUTES: "A",
    DifferenceKind.TYPE: "T",
    DifferenceKind.GONE: "-",
    DifferenceKind.EXCLUDED: "X",
}
"""One letter for each, the same wherever differences are listed."""

_OF_CHANGE = {
    ChangeOp.ADDED: DifferenceKind.ADDED,
    ChangeOp.CONTENT: DifferenceKind.CHANGED,
    ChangeOp.ATTRIBUTES: DifferenceKind.ATTRIBUTES,
    ChangeOp.GONE: DifferenceKind.GONE,
    ChangeOp.EXCLUDED: DifferenceKind.EXCLUDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One path that differs; ``old`` or ``new`` is None where it was not there, or is not known."""

    source: SourceName
    kind: DifferenceKind
    old: FileEntry | None
    new: FileEntry | None

    @property
    def path(self) -> RelPath:
        """The path in question."""
        entry = self.new or self.old
        if entry is None:
            raise ValueError("a difference needs a state")
        return entry.path


def difference(
    source: SourceName, old: FileEntry | None, new: FileEntry | None, *, excluded: bool = False
) -> Difference | None:
    """How the two states of one path differ; None if they do not. Digests come and go without a change.

    ``excluded``: what is not there any more was left out.
    """
    if old is None and new is None:
        return None
    if old is None:
        kind = DifferenceKind.ADDED
    elif new is None:
        kind = DifferenceKind.EXCLUDED if excluded else DifferenceKind.GONE
    elif old.kind is not new.kind:
        kind = DifferenceKind.TYPE
    elif not old.same_content(new):
        kind = DifferenceKind.CHANGED
    elif old.without_digest() != new.without_digest():
        kind = DifferenceKind.ATTRIBUTES
    else:
        return None
    return Difference(source=source, kind=kind, old=old, new=new)


def difference_of_change(change: Change) -> Difference | None:
    """What a line of a manifest tells; the state before is told only of what went."""
    if change.op.carries_on:
        return None
    gone = change.op.ends
    old, new = (change.entry, None) if gone else (None, change.entry)
    return Difference(source=change.source, kind=_OF_CHANGE[change.op], old=old, new=new)
