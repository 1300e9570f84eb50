"""Paths in indexes: PostgreSQL's take 2,704 bytes an entry, a path may have 4,095 and more.

There the key of a path is its head and a digest of the rest, which is empty for nearly every path: equal
paths have equal keys, and the heads stand in the order of the paths. A column of :class:`PathBytes` is
compared as any other; PostgreSQL is told the same of the key, too, so that its index serves. SQLite indexes
whole paths.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import DDL, Boolean, ColumnElement, Function, LargeBinary, Table, and_, event, literal, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.operators import OperatorType

from bck_adapters.sql.columns import Blob

HEAD_BYTES = 2_600
"""With the digest, two numbers and what the server adds, an entry stays below its limit."""
_LONGEST_NAME = 1_023
"""Of a single file, on any file system."""


def head_sql(path: str) -> str:
    """The head of a path, in PostgreSQL's words."""
    return f"substr({path}, 1, {HEAD_BYTES})"


def rest_sql(path: str) -> str:
    """What stands for the rest of a path, in PostgreSQL's words."""
    return (
        f"(CASE WHEN octet_length({path}) > {HEAD_BYTES} "
        f"THEN sha256(substr({path}, {HEAD_BYTES + 1})) ELSE ''::bytea END)"
    )


def same_sql(one: str, other: str) -> str:
    """That two paths are equal, in PostgreSQL's words."""
    return " AND ".join(f"{key(one)} = {key(other)}" for key in (head_sql, rest_sql))


class _Head(Function[bytes]):
    name = "bck_head"
    inherit_cache = True
    type = Blob()


class _Rest(Function[bytes]):
    name = "bck_rest"
    inherit_cache = True
    type = Blob()


class _Served(Function[bool]):
    """Two ways to say the same: plainly, and so that PostgreSQL's index serves it."""

    name = "bck_served"
    inherit_cache = True
    type = Boolean()


class _ByKey(Function[bytes]):
    name = "bck_by_key"
    inherit_cache = True
    type = Blob()


class _InOrder(Function[bytes]):
    name = "bck_in_order"
    inherit_cache = True
    type = Blob()


@compiles(_Head, "postgresql")
def _head(element: _Head, compiler: SQLCompiler, **kw: Any) -> str:
    (path,) = (compiler.process(clause, **kw) for clause in element.clauses)
    return head_sql(path)


@compiles(_Rest, "postgresql")
def _rest(element: _Rest, compiler: SQLCompiler, **kw: Any) -> str:
    (path,) = (compiler.process(clause, **kw) for clause in element.clauses)
    return rest_sql(path)


@compiles(_Served)
def _plainly(element: _Served, compiler: SQLCompiler, **kw: Any) -> str:
    plain, _ = element.clauses
    return compiler.process(plain, **kw)


@compiles(_Served, "postgresql")
def _served(element: _Served, compiler: SQLCompiler, **kw: Any) -> str:
    _, served = element.clauses
    return f"({compiler.process(served, **kw)})"


@compiles(_ByKey)
@compiles(_InOrder)
def _by_path(element: _ByKey | _InOrder, compiler: SQLCompiler, **kw: Any) -> str:
    (path,) = (compiler.process(clause, **kw) for clause in element.clauses)
    return path


@compiles(_ByKey, "postgresql")
def _by_head_and_rest(element: _ByKey, compiler: SQLCompiler, **kw: Any) -> str:
    path = _by_path(element, compiler, **kw)
    return f"{head_sql(path)}, {rest_sql(path)}"


@compiles(_InOrder, "postgresql")
def _by_head_and_path(element: _InOrder, compiler: SQLCompiler, **kw: Any) -> str:
    path = _by_path(element, compiler, **kw)
    return f"{head_sql(path)}, {path}"


def head(path: ColumnElement[bytes]) -> ColumnElement[bytes]:
    """The head of a path; on PostgreSQL only."""
    return _Head("bck_head", path)


def rest(path: ColumnElement[bytes]) -> ColumnElement[bytes]:
    """What stands for the rest of a path; on PostgreSQL only."""
    return _Rest("bck_rest", path)


def by_key(path: ColumnElement[bytes]) -> ColumnElement[bytes]:
    """What to order by where the index gives the order; long paths with one head come in any order."""
    return _ByKey("bck_by_key", path)


def in_order(path: ColumnElement[bytes]) -> ColumnElement[bytes]:
    """What to order by for the order of paths as bytes; PostgreSQL has to sort, if few at a time."""
    return _InOrder("bck_in_order", path)


def keyed_by_path(table: Table, before: str = "", after: str = "") -> None:
    """Let PostgreSQL make a unique index of the column ``path``, with other columns around it.

    Events, for the tools that compare schemas cannot read such an index. Long paths stay in their rows: to
    fetch each from elsewhere takes ten times as long.
    """
    columns = ", ".join(filter(None, (before, head_sql("path"), rest_sql("path"), after)))
    for statement in (
        f"ALTER TABLE {table.name} ALTER COLUMN path SET STORAGE MAIN",
        f"CREATE UNIQUE INDEX uq_{table.name}_key ON {table.name} ({columns})",
    ):
        made = DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy left it untyped
        event.listen(table, "after_create", made.execute_if(dialect="postgresql"))


def all_alike(folder: bytes) -> bool:
    """Whether all in the folder may begin with the same head, so that an index of heads tells little."""
    return len(folder) + _LONGEST_NAME >= HEAD_BYTES


_OF_HEADS: Mapping[Any, OperatorType] = {
    operators.gt: operators.ge,
    operators.ge: operators.ge,
    operators.lt: operators.le,
    operators.le: operators.le,
}
"""What follows for the heads of two paths."""


class PathBytes(Blob):
    """A path of any length, sought and compared by what an index of it holds."""

    class Comparator(LargeBinary.Comparator[bytes]):
        """See the module."""

        def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
            """The comparison, for either database."""
            plain = super().operate(op, *other, **kwargs)
            path: Any = self.expr
            if op is operators.in_op:
                return _Served("bck_served", plain, _among(path, other[0]))
            if op is operators.eq or op in _OF_HEADS:
                return _Served("bck_served", plain, _by_keys(op, path, other[0], plain))
            return plain

    comparator_factory = Comparator


def _by_keys(op: Any, path: Any, other: Any, plain: ColumnElement[bool]) -> ColumnElement[bool]:
    if isinstance(other, bytes) and len(other) < HEAD_BYTES:  # no head is equal to it but that of itself
        compared: ColumnElement[bool] = op(head(path), literal(other, Blob()))
        return compared
    right = literal(other, Blob()) if isinstance(other, bytes) else other
    if op is operators.eq:
        return and_(head(path) == head(right), rest(path) == rest(right))
    near: ColumnElement[bool] = _OF_HEADS[op](head(path), head(right))
    return and_(near, plain)


def _among(path: ColumnElement[bytes], paths: Sequence[bytes]) -> ColumnElement[bool]:
    """Short paths are their own heads; long ones go by their heads, which may be the same."""
    rests: dict[bytes, list[bytes]] = {}
    for long in (one for one in paths if len(one) >= HEAD_BYTES):
        digest = sha256(long[HEAD_BYTES:]).digest() if len(long) > HEAD_BYTES else b""
        rests.setdefault(long[:HEAD_BYTES], []).append(digest)
    short = head(path).in_([one for one in paths if len(one) < HEAD_BYTES])
    return or_(short, *(and_(head(path) == first, rest(path).in_(some)) for first, some in rests.items()))
