"""Findings of one check: each told once, counted all, the first thousand kept."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from bckcore.domain.check import MOST_FINDINGS, Cause, Finding
from bckcore.domain.file_version import FileVersion
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.ports.transport import Watcher

REMEMBERED = 10_000
"""So many are kept in memory: to be told once, and to be compared with the manifests. More are counted."""

Key = tuple[Cause, SourceName | None, bytes, str]


@dataclass(kw_only=True)
class Findings:
    """Collects what is wrong with one profile."""

    profile: ProfileId
    watcher: Watcher
    causes: Counter[Cause] = field(default_factory=Counter)
    _known: dict[Key, Finding] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Take one; the same thing at further points is the same finding."""
        known = self._known.get(finding.key)
        if known is not None:
            newest = max((seq for seq in (known.newest, finding.newest) if seq is not None), default=None)
            points = max(known.points, finding.points)
            self._known[finding.key] = replace(known, points=points, newest=newest)
            return
        self.causes[finding.cause] += 1
        if len(self._known) < REMEMBERED:
            self._known[finding.key] = finding
        if self.causes.total() <= MOST_FINDINGS:
            self.watcher.log(finding.text, level="warning")

    def has(self, source: SourceName | None, path: bytes, place: str) -> bool:
        """True if anything was found there."""
        return any((cause, source, path, place) in self._known for cause in Cause)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._known.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A finding about a version that may yet turn out to be the database's fault."""

    finding: Finding
    version: FileVersion
    digest: bytes = b""
    """Of the bytes that stand there, if they were read."""
