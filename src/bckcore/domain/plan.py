"""Plan: what a profile and its host were when a run last read them, written beside the receipts.

So that a lost database can go on: it tells where the files came from and how they are kept. No secret
is in it: of the private key it names the reference only.
"""

import json
import types
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NewType, Union, get_args, get_origin, get_type_hints

from bckcore.domain.host import Host
from bckcore.domain.json_text import parsed_json
from bckcore.domain.profile import Profile
from bckcore.errors import InvalidInputError, StorageError

FORMAT = 1
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A profile with its host."""

    host: Host
    profile: Profile


def encoded(plan: Plan) -> bytes:
    """The plan as JSON with sorted keys and a final newline; ASCII. The same plan, the same bytes."""
    document = {"format": FORMAT, "host": _plain(plan.host), "profile": _plain(plan.profile)}
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True).encode("ascii") + b"\n"


def decoded(raw: bytes) -> Plan:
    """Read a plan. What it does not say gets its usual value, what nobody knows is passed over.

    Raises StorageError when it is damaged, of a newer format, or says what cannot be.
    """
    try:
        document = parsed_json(raw)
        if document["format"] != FORMAT:
            raise StorageError(f"A plan has format {document['format']}; this program reads {FORMAT}.")
        return Plan(host=_built(Host, document["host"]), profile=_built(Profile, document["profile"]))
    except (ValueError, KeyError, TypeError, InvalidInputError) as exc:
        raise StorageError(f"A plan cannot be read: {exc}.") from exc


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value // _MICROSECOND
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value


def _built(kind: Any, value: Any) -> Any:
    """A value of that type; the inverse of :func:`_plain`. Raises TypeError, ValueError, KeyError."""
    if isinstance(kind, NewType):
        kind = kind.__supertype__
    if get_origin(kind) in (Union, types.UnionType):
        return None if value is None else _built(_other_than_none(kind), value)
    if get_origin(kind) is tuple:
        return tuple(_built(get_args(kind)[0], one) for one in _of(list, value))
    if is_dataclass(kind):
        return _object(kind, _of(dict, value))
    if kind is timedelta:
        return _of(int, value) * _MICROSECOND
    if kind is datetime:
        return datetime.fromisoformat(_of(str, value))
    if issubclass(kind, Enum):
        return kind(value)
    return _of(kind, value)


def _object(kind: Any, document: dict[str, Any]) -> Any:
    hints = get_type_hints(kind)
    given = {}
    for field in fields(kind):
        if field.name in document:
            given[field.name] = _built(hints[field.name], document[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise KeyError(field.name)
    return kind(**given)


def _other_than_none(kind: Any) -> Any:
    (only,) = [one for one in get_args(kind) if one is not type(None)]
    return only


def _of(kind: type[Any], value: Any) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value
