"""The known faults, planted on purpose: the history machine must find each of them."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from bck_adapters.storage_fs import FsStorage
from bckcore.domain.credential import Credential
from bckcore.domain.ids import RunId
from bckcore.domain.run import ProfileRef
from bckcore.domain.transfer import PullOrder
from bckcore.ports.storage import AttemptDirs, FoldReport
from bckcore.ports.transport import PullReport, Transport, Watcher


class MergesInTheWrongDirection(FsStorage):
    """L5 turned round: the newer increment's entry wins."""

    def merge(self, ref: ProfileRef, older: RunId, newer: RunId) -> None:
        super().merge(ref, newer, older)
        super().merge(ref, older, newer)


class FoldsNewestWins(FsStorage):
    """L1 turned round: the last attempt's entry wins."""

    def keep_displaced(self, attempt: AttemptDirs) -> FoldReport:
        self._forget_older(attempt)
        return super().keep_displaced(attempt)

    def fold(self, attempt: AttemptDirs, *, gives_back: bool = False) -> FoldReport:
        self._forget_older(attempt)
        return super().fold(attempt, gives_back=gives_back)

    def _forget_older(self, attempt: AttemptDirs) -> None:
        root = attempt.destination.parents[3]
        history = root / ".history" / attempt.run / attempt.ref.host / attempt.ref.profile / attempt.source
        displaced = Path(attempt.displaced_dir)
        for folder, _, names in os.walk(displaced):
            for name in names:
                older = history / Path(folder).relative_to(displaced) / name
                if older.is_file():
                    older.unlink()


class GoneBySetDifference:
    """L3 forgotten: what was not listed counts as gone, whatever kept it from being listed."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        return replace(self._inner.pull(order, credential, watcher), unlisted=frozenset())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
