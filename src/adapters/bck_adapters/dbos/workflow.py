"""The one workflow: a job is offered in this process until it is settled.

DBOS keeps one registry of workflows and one running instance per process; hence this module has state.
"""

from threading import Lock

from dbos import DBOS

from bck_adapters.dbos.offers import Offers
from bckcore.domain.ids import JobId

WORKFLOW = "bck_offer"
in_use = Lock()
"""Held by the one engine of this process that is launched."""
_offers: list[Offers] = []


def present_to(offers: Offers) -> None:
    """From now on jobs are offered here. The caller holds :data:`in_use`."""
    _offers[:] = [offers]


@DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)
async def offer(job: str) -> None:
    """Offer the job until it is settled. Cut off, it begins again at the next launch of the same node."""
    await _offers[0].present(JobId(job))
