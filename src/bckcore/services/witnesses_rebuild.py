"""Witness of rebuilds: that the database's own account of a profile is replaced is entered before."""

from typing import Any

from bckcore.domain.audit import Action
from bckcore.domain.run import ProfileRef
from bckcore.services.evidence import Evidence
from bckcore.services.rebuild import Rebuild, RebuildReport, Told


class WitnessedRebuild(Rebuild):
    """It can make points vanish from view, where records of theirs are gone and that is accepted."""

    def __init__(self, *, evidence: Evidence, **parts: Any) -> None:
        super().__init__(**parts)
        self._evidence = evidence

    def rebuild(
        self, ref: ProfileRef, *, accept_damage: bool = False, told: Told = lambda *_: None
    ) -> RebuildReport:
        """See :class:`Rebuild`."""
        accepted = "damage" if accept_damage else ""
        with self._evidence.around(
            Action.CATALOG_REBUILT, profile=ref.profile, host=ref.host, accepted=accepted
        ) as entered:
            report = super().rebuild(ref, accept_damage=accept_damage, told=told)
            entered |= {"runs": report.runs, "points": report.points, "damage": len(report.damage)}
        return report
