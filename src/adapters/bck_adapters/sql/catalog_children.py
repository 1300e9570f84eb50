"""What stands directly in a folder, found by leaping over everything that lies deeper.

The versions are kept in the order of their paths. From the first path in the folder, each step goes to the
next one: behind a direct child to what follows it, from a path further down to what follows its whole folder.
So a listing costs a step or two per name in the folder, however much lies beneath it.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, and_, case, literal, select

from bck_adapters.sql.bytestrings import from_place, joined, slash_place, up_to
from bck_adapters.sql.catalog_rows import VERSION, pages
from bck_adapters.sql.path_keys import all_alike, by_key
from bck_adapters.sql.session import SqlSession
from bck_adapters.sql.tables import file_version
from bckcore.domain.paths import ROOT, RelPath

FEW_STEPS, MANY_STEPS = 256, 4096
_V = file_version.c
_BEHIND_SLASH = b"0"  # the byte after "/": behind everything in a folder
_next = file_version.alias("next")


def child_rows(
    session: SqlSession,
    source_id: int,
    folder: RelPath,
    stands: ColumnElement[bool],
    after: RelPath | None,
) -> Iterator[Any]:
    """Rows of VERSION, for direct children whose version ``stands``; by path."""
    prefix = b"" if folder == ROOT else folder + b"/"
    low = prefix if after is None else max(prefix, after + b"\0")
    if session.dialect.name == "postgresql" and all_alike(prefix):
        yield from _read_through(session, source_id, prefix, low, stands)
        return
    steps = FEW_STEPS
    while True:
        query = _page(source_id, prefix, low, stands, steps)
        rows = session.execute(query).all()
        for row in rows:
            if row.kind is not None and row.name != ROOT:
                yield row[2:]
        if not rows or rows[-1].step < steps:
            return
        low = _behind(rows[-1].name, prefix)
        steps = min(steps * 2, MANY_STEPS)


def _read_through(
    session: SqlSession, source_id: int, prefix: bytes, low: bytes, stands: ColumnElement[bool]
) -> Iterator[Any]:
    """The same without leaps: each would look at everything whose head is the same."""
    direct = slash_place(from_place(_V.path, len(prefix) + 1)) == 0
    inside = and_(_V.source_id == source_id, _V.path >= low, _V.path < prefix[:-1] + _BEHIND_SLASH)
    return pages(session, select(*VERSION).where(inside, stands, direct), _V.path)


def _behind(path: bytes, prefix: bytes) -> bytes:
    child, slash, _ = path[len(prefix) :].partition(b"/")
    return prefix + child + _BEHIND_SLASH if slash else path + b"\0"


def _page(source_id: int, prefix: bytes, low: bytes, stands: ColumnElement[bool], steps: int) -> Select[Any]:
    names = _names(source_id, prefix, low, steps)
    direct = slash_place(from_place(names.c.name, len(prefix) + 1)) == 0
    version = and_(_V.source_id == source_id, _V.path == names.c.name, stands, direct)
    return (
        select(names.c.step, names.c.name, *VERSION)
        .select_from(names.outerjoin(file_version, version))
        .where(names.c.name.is_not(None))
        .order_by(names.c.name)
    )


def _names(source_id: int, prefix: bytes, low: bytes, steps: int) -> CTE:
    """The first path of every child from ``low`` on; of folders, whose files follow, often a second one."""
    here = [_next.c.source_id == source_id]
    if prefix:
        here.append(_next.c.path < prefix[:-1] + _BEHIND_SLASH)
    first = _first(_next.c.path >= low, *here).subquery()
    names = select(first.c.path.label("name"), literal(1).label("step")).cte("names", recursive=True)
    slash = slash_place(from_place(names.c.name, len(prefix) + 1))
    behind = case(
        (slash > 0, joined(up_to(names.c.name, slash + (len(prefix) - 1)), _BEHIND_SLASH)),
        else_=joined(names.c.name, b"\0"),
    )
    following = _first(_next.c.path >= behind, *here)
    step = select(following.correlate(names).scalar_subquery(), names.c.step + 1)
    return names.union_all(step.where(names.c.name.is_not(None), names.c.step < steps))


def _first(*conditions: ColumnElement[bool]) -> Select[tuple[bytes]]:
    """Of paths with one head any: they lie in one child, as long as it is not :func:`all_alike` there."""
    return select(_next.c.path).where(*conditions).order_by(by_key(_next.c.path)).limit(1)
