"""Turns: what takes long or much is done by few requests at once; the others wait, and the rest goes on.

Routes work in threads of one pool. A route that may keep a thread for long - it waits for a PC, walks over
the storage, reads much of the catalog - declares its lane: ``_turn: None = in_turn(WALKS)``, after the
parameter that says who asks. Then few threads are kept by such routes, whoever asks for them however often.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import anyio
from fastapi import Depends, Request

from bckcore.errors import TooBusyError

Key = Callable[[Request], str]


def person(request: Request) -> str:
    """Who asks, once that is known; the parameter that demands a permission comes first."""
    return cast("str", request.state.principal)


def host(request: Request) -> str:
    """The host that the address names."""
    return cast("str", request.path_params["name"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Requests of one kind, and how many of them the server takes on."""

    name: str
    at_once: int
    """So many are worked at; the others wait in the event loop, in no thread."""
    waiting: int | None = None
    """So many may wait; one more is refused at once, to come again. None: any number."""
    bounds: Sequence[tuple[int, Key]] = ()
    """So many with the same key are worked at or wait; one more is refused at once."""


SIGN_INS = Lane(name="sign-ins", at_once=4)
"""Checking a password takes much memory on purpose. Who may try how often is counted elsewhere."""
WALKS = Lane(name="walks", at_once=2, bounds=[(8, person)])
"""Walks over what is stored, which keep a disk busy for as long as they take."""
READS = Lane(name="reads", at_once=4, bounds=[(16, person)])
"""Questions to the catalog, or about all profiles, whose answers may take long to find."""
LISTS = Lane(name="lists", at_once=4, bounds=[(16, person)])
"""Long lists of what may itself be long: jobs with their results, findings, entries."""
DOWNLOADS = Lane(name="downloads", at_once=4, bounds=[(8, person)])
"""Beginnings of downloads, which may wait for the lock of a profile."""
PROBES = Lane(name="probes", at_once=4, waiting=16, bounds=[(1, host), (8, person)])
"""Looks at a PC, which may not answer. A second look at the same PC would tell the same."""
SCANS = Lane(name="scans", at_once=2, bounds=[(4, person)])
"""Changes of hosts, which may ask a PC for its host keys, or look for what is kept of a former one."""
LANES = (SIGN_INS, WALKS, READS, LISTS, DOWNLOADS, PROBES, SCANS)


class Turns:
    """The places of one lane. Used in one event loop."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._places = anyio.Semaphore(lane.at_once)
        self._inside = 0
        self._held: Counter[tuple[Key, str]] = Counter()

    @asynccontextmanager
    async def taken(self, request: Request) -> AsyncIterator[None]:
        """Wait for a place and keep it meanwhile. Raises TooBusyError where too many wait already."""
        keys = [(key, key(request)) for _, key in self._lane.bounds]
        self._require_room(keys)
        self._inside += 1
        self._held.update(keys)
        try:
            async with self._places:
                yield
        finally:
            self._inside -= 1
            self._held.subtract(keys)
            self._held = +self._held  # what nobody holds is not remembered

    def _require_room(self, keys: Sequence[tuple[Key, str]]) -> None:
        lane = self._lane
        for (most, _), one in zip(lane.bounds, keys, strict=True):
            if self._held[one] >= most:
                raise TooBusyError(f"The server is at work on {most} of these for {one[1]} already.")
        if lane.waiting is not None and self._inside >= lane.at_once + lane.waiting:
            raise TooBusyError("The server has as many of these waiting as it takes on.")


def all_turns() -> Mapping[str, Turns]:
    """Those of an app."""
    return {lane.name: Turns(lane) for lane in LANES}


class InTurn:
    """A dependency that lasts as long as the route's function works."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane

    async def __call__(self, request: Request) -> AsyncIterator[None]:
        """Raises TooBusyError."""
        turns = cast("Turns", request.app.state.turns[self.lane.name])
        async with turns.taken(request):
            yield


def in_turn(lane: Lane) -> Any:
    """Declare on a route that it waits for its turn; where it demands a permission, after that."""
    return Depends(InTurn(lane), scope="function")
