"""Latest: the newest run and point of many profiles at once, for whoever looks at all of them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from bckcore.domain.ids import ProfileId
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.run import Run, RunOutcome


class Latest(Protocol):
    """What is newest, by profile. Part of a UnitOfWork; not thread-safe.

    Of the profiles that are named, or of all. Only of those that are defined: what a removed one has left
    is not told. A profile without any such thing is not in the answer. An answer takes one statement,
    however many profiles there are and however much each of them keeps.
    """

    def points(self, profiles: Collection[ProfileId] | None = None) -> Mapping[ProfileId, RestorePoint]:
        """The point with the highest number."""

    def good_backups(
        self, until: datetime, profiles: Collection[ProfileId] | None = None
    ) -> Mapping[ProfileId, Run]:
        """The backup with the highest number that was a good one and began no later than ``until``: it
        succeeded, or could not read a few things, and has no error. What an undo or an accept makes is
        none: nothing of the PC was read."""

    def point_counts(self, profiles: Collection[ProfileId] | None = None) -> Mapping[ProfileId, int]:
        """How many points are kept."""

    def backups(
        self,
        outcomes: Collection[RunOutcome],
        *,
        or_errors: Collection[str] = (),
        until: datetime | None = None,
        profiles: Collection[ProfileId] | None = None,
    ) -> Mapping[ProfileId, Run]:
        """The backup with the highest number that ended so, or with an error of those codes, whichever is
        the newer; with ``until`` only such as began no later."""
