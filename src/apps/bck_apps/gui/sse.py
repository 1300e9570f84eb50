"""Server-sent events: bytes as they arrive, in any pieces, to whole events. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event of the stream."""

    name: str
    data: str
    id: str
    """The last id the stream gave; send it back as Last-Event-ID to go on from here."""


class EventParser:
    """Feed it bytes; it gives back the events they complete (WHATWG rules; lines end in LF, CR or CR LF)."""

    def __init__(self) -> None:
        self._rest = b""
        self._after_cr = False
        self._name = ""
        self._data: list[str] = []
        self.last_id = ""

    def feed(self, chunk: bytes) -> list[Event]:
        """Events completed by ``chunk``. Raises ValueError for a line without end."""
        if self._after_cr and chunk.startswith(b"\n"):
            chunk, self._after_cr = chunk[1:], False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        whole = (self._rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = whole.split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise ValueError("an event line has no end")
        return [event for line in lines if (event := self._line(line.decode("utf-8", "replace")))]

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        elif field == "id" and "\0" not in value:
            self.last_id = value
        return None

    def _dispatch(self) -> Event | None:
        name, data = self._name or "message", self._data
        self._name, self._data = "", []
        return Event(name=name, data="\n".join(data), id=self.last_id) if data else None
