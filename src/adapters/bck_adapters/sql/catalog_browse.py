"""Browsing over SQL: one tree by path answers everything; what a pattern means is decided in the core."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, true

from bck_adapters.sql.bytestrings import looks_like
from bck_adapters.sql.catalog_children import child_rows
from bck_adapters.sql.catalog_rows import VERSION, page_of, path_ranges, version_of
from bck_adapters.sql.path_keys import in_order
from bck_adapters.sql.session import SqlSession
from bck_adapters.sql.tables import catalog_source, file_version
from bckcore.domain.file_version import FileVersion
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.paths import ROOT, RelPath
from bckcore.domain.pattern import Pattern
from bckcore.ports.browsing import VersionPair

FIRST_PAGE, LAST_PAGE = 256, 4096
AT_ONCE = 100
LONG_ENOUGH = 3
NO_SOURCE = -1
_V = file_version.c
_S = catalog_source.c


def at_point(seq: int) -> ColumnElement[bool]:
    """Versions that stand at a point."""
    return and_(_V.since_seq <= seq, or_(_V.until_seq.is_(None), _V.until_seq > seq))


class SqlBrowsing:
    """See the port for every promise."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def _source(self, profile: ProfileId, source: SourceName) -> int:
        query = select(_S.id).where(_S.profile == profile, _S.source == source)
        return self._session.execute(query).scalar_one_or_none() or NO_SOURCE

    def children(
        self,
        profile: ProfileId,
        seq: int,
        source: SourceName,
        folder: RelPath,
        *,
        after: RelPath | None = None,
    ) -> Iterator[FileVersion]:
        """See the port."""
        source_id = self._source(profile, source)
        for row in child_rows(self._session, source_id, folder, at_point(seq), after):
            yield version_of(source, row)

    def matching(
        self,
        profile: ProfileId,
        source: SourceName,
        pattern: Pattern,
        *,
        below: RelPath = ROOT,
        after: RelPath | None = None,
    ) -> Iterator[Sequence[FileVersion]]:
        """See the port."""
        this = _V.source_id == self._source(profile, source)
        query = select(_V.path).where(this, *_perhaps(pattern))
        for page in _paths(self._session, query, below, after):
            found = pattern.chosen(source, page)
            for first in range(0, len(found), AT_ONCE):
                yield from self._versions_of(source, this, found[first : first + AT_ONCE])

    def _versions_of(
        self, source: SourceName, this: ColumnElement[bool], paths: Sequence[RelPath]
    ) -> Iterator[Sequence[FileVersion]]:
        query = select(*VERSION).where(this, _V.path.in_(paths)).order_by(in_order(_V.path), _V.since_seq)
        rows = self._session.execute(query).all()
        for _, versions in groupby(rows, itemgetter(0)):
            yield [version_of(source, row) for row in versions]

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
        """See the port."""
        ended = and_(_V.since_seq <= old_seq, _until() > old_seq, _until() <= new_seq)
        begun = and_(
            _V.since_seq > old_seq,
            _V.since_seq <= new_seq,
            or_(_V.until_seq.is_(None), _until() > new_seq),
        )
        between = and_(_V.since_seq > old_seq, _until() <= new_seq, _none_newer(new_seq))
        this = and_(_V.source_id == self._source(profile, source), or_(ended, begun, between))
        query = select(*VERSION).where(this)
        for rows in _groups(self._session, query, below, after):
            versions = [version_of(source, row) for row in rows]
            old = next((one for one in versions if one.since_seq <= old_seq), None)
            new = versions[-1] if _stands(versions[-1], new_seq) else None
            if old is not None and new is None and versions[-1] is not old:
                old = replace(old, excluded=versions[-1].excluded)
            if old is not None or new is not None:
                yield old, new

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
        """See the port."""
        this = _V.source_id == self._source(profile, source)
        query = select(*VERSION).where(this, _until() <= seq, _until() >= gone_from, _none_newer(seq))
        for condition in path_ranges(below):
            for page in _pages(self._session, query.where(condition), after):
                yield from (version_of(source, row) for row in page)


def _none_newer(seq: int) -> ColumnElement[bool]:
    """Versions after which the path had none until point ``seq``."""
    newer = file_version.alias("newer")
    return ~exists().where(
        newer.c.source_id == _V.source_id,
        newer.c.path == _V.path,
        newer.c.since_seq > _V.since_seq,
        newer.c.since_seq <= seq,
    )


def _stands(version: FileVersion, seq: int) -> bool:
    return version.until_seq is None or version.until_seq > seq


def _until() -> ColumnElement[int]:
    """Where a version ends, not sought in the index of ends: rows are wanted in the order of their paths."""
    return _V.until_seq + 0


def _perhaps(pattern: Pattern) -> Iterator[ColumnElement[bool]]:
    """Conditions that every path fulfils which the pattern means; others may, too.

    To look for where the name begins as well costs more than it saves, unless that is very short.
    """
    start, pieces = pattern.name_start, pattern.pieces
    short = 0 < len(start) < LONG_ENOUGH
    if short:
        yield or_(looks_like(_V.path, start, ""), looks_like(_V.path, "", f"/{start}", ""))
    if pieces and not (short and pieces == (start,)):
        yield looks_like(_V.path, "", *pieces, *([] if pattern.name_end else [""]))


def _pages(session: SqlSession, query: Select[Any], after: RelPath | None) -> Iterator[Sequence[Any]]:
    """Pages of rows by path, few at first; the path is their first column and unique."""
    size = FIRST_PAGE
    while True:
        rows = page_of(session, query.where(true() if after is None else _V.path > after), _V.path, size)
        yield rows
        if len(rows) < size:
            return
        after, size = rows[-1][0], min(size * 2, LAST_PAGE)


def _paths(
    session: SqlSession, query: Select[Any], below: RelPath, after: RelPath | None
) -> Iterator[list[RelPath]]:
    """Pages of different paths; a path that has several rows is named once."""
    for condition in path_ranges([below]):
        last, size = after, FIRST_PAGE
        while True:
            later = query.where(condition, true() if last is None else _V.path > last)
            page = [path for (path,) in page_of(session, later, _V.path, size, fetch=session.driver_rows)]
            yield list(dict.fromkeys(page))
            if len(page) < size:
                break
            last, size = page[-1], min(size * 2, LAST_PAGE)


def _groups(
    session: SqlSession, query: Select[Any], below: RelPath, after: RelPath | None
) -> Iterator[list[Any]]:
    """The rows of each path, at most three."""
    for condition in path_ranges([below]):
        inside = query.where(condition)
        place, size = true() if after is None else _V.path > after, FIRST_PAGE
        while True:
            rows = page_of(session, inside.where(place), _V.path, size, _V.since_seq)
            groups = [list(group) for _, group in groupby(rows, itemgetter(0))]
            if len(rows) < size:
                yield from groups
                break
            yield from groups[:-1]  # the last one may go on in the next page
            place, size = _V.path >= groups[-1][0][0], min(size * 2, LAST_PAGE)
