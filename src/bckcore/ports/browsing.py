"""Browsing: the questions that people ask a catalog. Everything streams: memory does not grow with the tree,
and an iterator may be left at any time.

Paths are in byte order, in which ``a-b`` comes between ``a`` and ``a/x`` and the root (``.``) after some
names. ``after`` leaves out every path up to and including that one.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from bckcore.domain.file_version import FileVersion
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.paths import ROOT, RelPath
from bckcore.domain.pattern import Pattern

VersionPair = tuple[FileVersion | None, FileVersion | None]


class Browsing(Protocol):
    """Part of a Catalog. What is not known is empty, never an error."""

    def children(
        self,
        profile: ProfileId,
        seq: int,
        source: SourceName,
        folder: RelPath,
        *,
        after: RelPath | None = None,
    ) -> Iterator[FileVersion]:
        """What stands directly in ``folder`` at point ``seq``, by path; not the folder itself.

        What lies deeper costs nothing, names that were there at other points little.
        """

    def matching(
        self,
        profile: ProfileId,
        source: SourceName,
        pattern: Pattern,
        *,
        below: RelPath = ROOT,
        after: RelPath | None = None,
    ) -> Iterator[Sequence[FileVersion]]:
        """Of every path at or below ``below`` that the pattern means and that was ever there: its versions,
        oldest first; by path."""

    def differing(
        self,
        profile: ProfileId,
        source: SourceName,
        old_seq: int,
        new_seq: int,
        *,
        below: RelPath = ROOT,
        after: RelPath | None = None,
    ) -> Iterator[VersionPair]:
        """The versions at ``old_seq`` and at ``new_seq`` (not smaller) of every path at or below ``below``
        where they are not the same version, by path; None where there is none.

        With none at ``new_seq``, ``excluded`` of the old one tells how the path last ended before that,
        also where it was back in between.
        Two versions may hold the same state: it went, or changed, and came back.
        """

    def deleted(
        self,
        profile: ProfileId,
        seq: int,
        source: SourceName,
        below: Sequence[RelPath] = (),
        *,
        after: RelPath | None = None,
        gone_from: int = 0,
    ) -> Iterator[FileVersion]:
        """Of every path that was there before point ``seq`` and is not there at it: the newest version of
        that time, by path (bytes); only paths at or below one of ``below`` if given, and only what went
        with run ``gone_from`` or later."""
