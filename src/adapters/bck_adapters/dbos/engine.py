"""DbosEngine: what we ask of DBOS, and nothing else."""

import logging
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions, WorkflowStatus
from dbos import error as dbos_error
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from bck_adapters.dbos import workflow
from bck_adapters.dbos.errors import TablesMissingError, as_bck_error
from bck_adapters.dbos.logs import take_over_logs
from bck_adapters.dbos.offers import Offers
from bck_adapters.dbos.standing import Standing, Waiting
from bckcore.domain.ids import JobId

APPLICATION = "bck"
VERSION = "1"
"""Of the workflow. Under another one nothing is offered that was asked for under this: raise it only with a
way to move jobs, and never go back to one that was used."""
SCHEMA = "dbos"
POLL_SECONDS = 0.5
_STOP_SECONDS = 10.0
_LIVE = ("ENQUEUED", "PENDING", "DELAYED")
_ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")

_logger = logging.getLogger(__name__)


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of SQLAlchemy and DBOS into ours."""
    try:
        yield
    except (SQLAlchemyError, dbos_error.DBOSException) as exc:
        raise as_bck_error(exc) from exc


class DbosEngine:
    """Thread-safe, but for :meth:`launch` and :meth:`stop`. Raises BckError.

    Asking and looking need no launch, and DBOS's tables must be there; launching makes them.
    """

    def __init__(
        self, engine: Engine, node: str, offers: Offers, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._engine = engine
        self._node = node
        self._offers = offers
        self._poll_seconds = poll_seconds
        self._launched = False
        self._instance: DBOS | None = None
        take_over_logs()
        self._client = DBOSClient(
            system_database_engine=engine,
            dbos_system_schema=SCHEMA,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )

    # --- asking -----------------------------------------------------------------------------------

    def enqueue(self, job: JobId, node: str) -> None:
        """Let the job be offered to the node. What is known already stays as it is."""
        options: EnqueueOptions = {
            "workflow_name": workflow.WORKFLOW,
            "queue_name": queue_of(node),
            "workflow_id": job,
            "app_version": VERSION,
        }
        with translated():
            self._client.enqueue(options, job)

    def enqueue_anew(self, job: JobId) -> None:
        """Forget what is known of the job, and let it be offered to our node."""
        with translated():
            self._client.delete_workflows([job])
        self.enqueue(job, self._node)

    def known(self, jobs: Collection[JobId]) -> Mapping[JobId, Standing]:
        """What is known of them; those of which nothing is are left out."""
        with translated():
            found = self._client.list_workflows(workflow_ids=list(jobs), load_input=False, load_output=False)
        return {JobId(one.workflow_id): self._standing(one) for one in found}

    def _standing(self, found: WorkflowStatus) -> Standing:
        if found.status not in _LIVE:
            return Standing.ENDED
        return Standing.COMING if found.queue_name == queue_of(self._node) else Standing.ELSEWHERE

    def waiting(self) -> Waiting:
        """Of our node."""
        try:
            with translated():
                found = self._client.list_workflows(
                    queue_name=queue_of(self._node), status=list(_LIVE), load_input=False, load_output=False
                )
        except TablesMissingError:
            return Waiting(queued=0, offered=0)
        queued = sum(one.status == "ENQUEUED" for one in found)
        return Waiting(queued=queued, offered=len(found) - queued)

    def forget_ended(self, before: datetime, *, limit: int = 1000) -> int:
        """Remove offers that ended before then, at most ``limit``; how many there were."""
        with translated():
            found: Sequence[WorkflowStatus] = self._client.list_workflows(
                name=workflow.WORKFLOW,
                status=list(_ENDED),
                completed_before=before.isoformat(),
                limit=limit,
                load_input=False,
                load_output=False,
            )
            if found:
                self._client.delete_workflows([one.workflow_id for one in found])
        return len(found)

    # --- working ----------------------------------------------------------------------------------

    @property
    def launched(self) -> bool:
        """Whether jobs of the node are offered in this process."""
        return self._launched

    def launch(self) -> bool:
        """Offer the jobs of the node here, those first that were offered when this node ended last.

        The caller holds the node's lock. False while another engine of this process is launched.
        """
        if not workflow.in_use.acquire(blocking=False):
            return False
        try:
            workflow.present_to(self._offers)
            with translated():
                self._launch()
        except BaseException:
            self._shut_down()
            raise
        self._launched = True
        _logger.info("DBOS offers the jobs of node %s here", self._node)
        return True

    def _launch(self) -> None:
        config: DBOSConfig = {
            "name": APPLICATION,
            "application_version": VERSION,
            "executor_id": self._node,
            "system_database_url": "postgresql://given/by-engine",
            "system_database_engine": self._engine,
            "dbos_system_schema": SCHEMA,
            "serializer": DBOSPortableJSONSerializer(),
            "use_listen_notify": False,
            "enable_otlp": False,
            "log_level": "WARNING",
        }
        self._instance = DBOS(config=config)
        DBOS.listen_queues([queue_of(self._node)])
        DBOS.launch()
        DBOS.register_queue(
            queue_of(self._node), polling_interval_sec=self._poll_seconds, on_conflict="always_update"
        )

    def stop(self) -> None:
        """Offer nothing more; what was offered is offered again by the next launch. Safe to repeat."""
        if self._launched:
            self._launched = False
            self._shut_down()

    def close(self) -> None:
        """Stop, and let go of all connections."""
        self.stop()
        self._client.destroy()
        self._engine.dispose()

    def _shut_down(self) -> None:
        instance, self._instance = self._instance, None
        try:
            if instance is not None:
                self._stop_polling(instance)
            with suppress(Exception):  # it ends; what it did not put in order is found by the next launch
                DBOS.destroy()
        finally:
            self._offers.withdraw_all()
            workflow.in_use.release()

    def _stop_polling(self, instance: DBOS) -> None:
        """First of all: destroying begins with the loop to which the queue would hand further jobs."""
        for event in instance.background_thread_stop_events:
            event.set()
        for thread in threading.enumerate():
            if thread.name == f"queue-worker-{queue_of(self._node)}":
                thread.join(_STOP_SECONDS)


def queue_of(node: str) -> str:
    """The name of a node's queue."""
    return f"bck-{node}"
