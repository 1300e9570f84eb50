"""Notices and what is known of channels as JSON. Pure."""

import json
from datetime import datetime, timedelta
from typing import Any

from bckcore.domain.json_text import parsed_json
from bckcore.domain.notice import ChannelState, Notice, NoticeKind, Told, Waiting

VERSION = 1
_MOMENTS = ("at", "good_at", "offline_since", "told_at")
_STATE_MOMENTS = ("delivered", "failed", "failing_since", "next_try")


def waiting_json(waiting: Waiting) -> bytes:
    """What waits, as a file holds it."""
    return _bytes({"version": VERSION, **waiting_document(waiting)})


def waiting_document(waiting: Waiting) -> dict[str, Any]:
    """What waits, as a document; the one that the webhook sends holds it, too."""
    notice = waiting.notice
    found: dict[str, Any] = {name: getattr(notice, name) for name in Notice.__slots__}
    found.update({name: _written(getattr(notice, name)) for name in _MOMENTS})
    found["kind"] = notice.kind.value
    found["fresh_within"] = notice.fresh_within.total_seconds() if notice.fresh_within else None
    return {"count": waiting.count, "first_at": _written(waiting.first_at), "notice": found}


def parsed_waiting(content: bytes) -> Waiting:
    """Read it back. Raises ValueError, KeyError or TypeError for anything else."""
    document = _document(content)
    found = dict(document["notice"])
    found.update({name: _read(found[name]) for name in _MOMENTS})
    found["kind"] = NoticeKind(found["kind"])
    seconds = found["fresh_within"]
    found["fresh_within"] = None if seconds is None else timedelta(seconds=seconds)
    first = _read(document["first_at"])
    if first is None or not isinstance(found["at"], datetime):
        raise ValueError("a notice has a moment")
    return Waiting(notice=Notice(**found), first_at=first, count=int(document["count"]))


def state_json(state: ChannelState) -> bytes:
    """What is known of a channel, as a file holds it."""
    found: dict[str, Any] = {name: getattr(state, name) for name in ChannelState.__slots__}
    found.update({name: _written(getattr(state, name)) for name in _STATE_MOMENTS})
    found["told"] = {key: [told.id, _written(told.at)] for key, told in state.told.items()}
    return _bytes({"version": VERSION, **found})


def parsed_state(content: bytes) -> ChannelState:
    """Read it back. Raises ValueError, KeyError or TypeError for anything else."""
    found = _document(content)
    found.update({name: _read(found[name]) for name in _STATE_MOMENTS})
    told = {key: Told(id=id_, at=datetime.fromisoformat(at)) for key, (id_, at) in found["told"].items()}
    found["told"] = told
    return ChannelState(**found)


def _document(content: bytes) -> dict[str, Any]:
    found = parsed_json(content)
    if not isinstance(found, dict) or found.pop("version", None) != VERSION:
        raise ValueError("not a file of this version")
    return found


def _bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1).encode("ascii")


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _read(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
