"""Sample: how many there are, and the first of them by name; bounded, whatever their names are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MOST_NAMED = 50
MOST_TEXT = 64 * 1024
"""Characters of names and details together."""


@dataclass(kw_only=True)
class Sample:
    """Counts things and keeps the first."""

    count: int = 0
    _first: list[dict[str, object]] = field(default_factory=list, init=False)
    _room: int = field(default=MOST_TEXT, init=False)

    def add(self, path: str, **more: object) -> None:
        """One more."""
        self.count += 1
        self.name(path, **more)

    def name(self, path: str, **more: object) -> None:
        """One that is counted elsewhere."""
        if len(self._first) >= MOST_NAMED:
            return
        self._room -= len(path) + sum(len(str(one)) for one in more.values())
        if self._room >= 0:
            self._first.append({"path": path, **more})

    def data(self) -> dict[str, object]:
        """As JSON."""
        return {"count": self.count, "first": self._first}


def first_that_fit(items: Iterable[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """As many, from the first, as have room together."""
    kept: list[Mapping[str, object]] = []
    room = MOST_TEXT
    for item in items:
        room -= sum(len(str(value)) for value in item.values())
        if room < 0:
            break
        kept.append(item)
    return kept
