"""Byte strings in SQL: the few expressions that each database spells in its own way."""

from typing import Any

from sqlalchemy import ColumnElement, Function, String, func, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from bck_adapters.sql.columns import Blob

_ESCAPE = "!"


class _Joined(Function[bytes]):
    name = "bck_joined"
    inherit_cache = True
    type = Blob()


class _SlashPlace(Function[int]):
    name = "bck_slash_place"
    inherit_cache = True


class _Like(Function[bool]):
    name = "bck_like"
    inherit_cache = True


def joined(first: ColumnElement[bytes], second: bytes) -> ColumnElement[bytes]:
    """One after the other."""
    return _Joined("bck_joined", first, literal(second, Blob()))


def slash_place(text: ColumnElement[bytes]) -> ColumnElement[int]:
    """Where the first slash is, from 1; 0 if there is none."""
    return _SlashPlace("bck_slash_place", text)


def from_place(text: ColumnElement[bytes], place: int) -> ColumnElement[bytes]:
    """What begins at a place, from 1."""
    return func.substr(text, place, type_=Blob())


def up_to(text: ColumnElement[bytes], count: ColumnElement[int]) -> ColumnElement[bytes]:
    """The first bytes."""
    return func.substr(text, 1, count, type_=Blob())


def looks_like(path: ColumnElement[bytes], *pieces: str) -> ColumnElement[bool]:
    """True if ASCII texts stand in the path one after the other, the first at its beginning, the last at its
    end, in either case. An empty one stands anywhere."""
    quoted = (
        "".join(f"{_ESCAPE}{char}" if char in (_ESCAPE, "%", "_") else char for char in piece)
        for piece in pieces
    )
    return _Like("bck_like", path, literal("%".join(quoted), String()))


@compiles(_Joined)
def _joined(element: _Joined, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({_joined_bytes(element, compiler, **kw)} AS BLOB)"  # SQLite joins to text


@compiles(_Joined, "postgresql")
def _joined_bytes(element: _Joined, compiler: SQLCompiler, **kw: Any) -> str:
    first, second = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({first} || {second})"


@compiles(_SlashPlace)
def _slash_place(element: _SlashPlace, compiler: SQLCompiler, **kw: Any) -> str:
    (text,) = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"instr({text}, x'2f')"


@compiles(_SlashPlace, "postgresql")
def _slash_place_postgresql(element: _SlashPlace, compiler: SQLCompiler, **kw: Any) -> str:
    (text,) = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"position('\\x2f'::bytea in {text})"


@compiles(_Like)
def _like(element: _Like, compiler: SQLCompiler, **kw: Any) -> str:
    path, pattern = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"CAST({path} AS TEXT) LIKE {pattern} ESCAPE '{_ESCAPE}'"  # in SQLite, of ASCII in either case


@compiles(_Like, "postgresql")
def _like_postgresql(element: _Like, compiler: SQLCompiler, **kw: Any) -> str:
    path, pattern = (compiler.process(clause, **kw) for clause in element.clauses)
    plain = f"replace(encode({path}, 'escape'), '\\\\', '\\')"
    return f"{plain} ILIKE {pattern} ESCAPE '{_ESCAPE}'"
