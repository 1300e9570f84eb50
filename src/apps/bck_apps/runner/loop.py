"""Runner: claims jobs and carries them out, several at once, until it is stopped."""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from threading import Event, Lock, Thread

from bck_apps.runner.execution import CarriesOut, Execution
from bck_apps.runner.orphans import Claims
from bckcore.errors import BckError
from bckcore.ports.bell import Bell
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Claim, JobQueue
from bckcore.ports.processes import Processes

_logger = logging.getLogger(__name__)


class Runner:
    """Works the queue with ``slots`` jobs at once. A host or profile with a running job waits its turn.

    :meth:`run` blocks; :meth:`stop` and :meth:`wake` may be called from any thread, but not from a
    signal handler (see :mod:`bck_apps.runner.signals`).
    """

    def __init__(  # noqa: PLR0913  # one keyword per part it works with
        self,
        *,
        queue: JobQueue,
        worker: CarriesOut,
        clock: Clock,
        processes: Processes,
        name: str,
        slots: int,
        lease_seconds: float,
        poll_seconds: float,
        bell: Bell | None = None,
        on_round: Callable[[], None] = lambda: None,
    ) -> None:
        """``bell``: what makes it look into the queue before ``poll_seconds`` are over.

        ``on_round``: called before each look into the queue; it is quick and never raises.
        """
        self._queue = queue
        self._worker = worker
        self._clock = clock
        self._name = name
        self._claims = Claims(
            queue=queue, clock=clock, processes=processes, name=name, lease_seconds=lease_seconds
        )
        self._slots = slots
        self._lease_seconds = lease_seconds
        self._poll_seconds = poll_seconds
        self._bell = bell
        self._on_round = on_round
        self._lock = Lock()
        self._running: dict[Execution, Thread] = {}
        self._stop = Event()
        self._wake = Event()

    def run(self) -> None:
        """Work until :meth:`stop`; return when every job has ended or is handed back."""
        _logger.info("runner %s takes jobs, %d at once", self._name, self._slots)
        with nullcontext() if self._bell is None else self._bell.listening(self.wake):
            while not self._stop.is_set():
                self._on_round()
                self._fill_slots()
                self._wake.wait(self._poll_seconds)
                self._wake.clear()
        self._wind_down()
        _logger.info("runner %s has ended", self._name)

    def stop(self) -> None:
        """Take no more jobs, ask the running ones to stop and hand them back. Safe to repeat."""
        self._stop.set()
        self._wake.set()

    def wake(self) -> None:
        """Look into the queue now: something new is there."""
        self._wake.set()

    def _fill_slots(self) -> None:
        while not self._stop.is_set() and self._has_room():
            claim = self._claimed()
            if claim is None:
                return
            self._start(claim)

    def _has_room(self) -> bool:
        with self._lock:
            return len(self._running) < self._slots

    def _claimed(self) -> Claim | None:
        with self._lock:
            # Their leases may have run out in an outage: they are renewed or ended, never begun once more.
            at_work_on = {execution.job.id for execution in self._running}
        try:
            return self._claims.next(besides=at_work_on)
        except BckError as error:
            _logger.warning("the queue is out of reach: %s", error)
        except Exception:  # a runner that ends because of one failed look would need a person
            _logger.exception("the queue failed")
        return None

    def _start(self, claim: Claim) -> None:
        execution = Execution(
            claim,
            queue=self._queue,
            worker=self._worker,
            clock=self._clock,
            lease_seconds=self._lease_seconds,
        )
        thread = Thread(target=self._carry_out, args=(execution,), name=f"job-{claim.job.id}")
        _logger.info("job %s starts: %s of %s", claim.job.id, claim.job.kind.value, claim.job.profile)
        with self._lock:
            self._running[execution] = thread
        thread.start()

    def _carry_out(self, execution: Execution) -> None:
        try:
            execution.carry_out()
        finally:
            with self._lock:
                self._running.pop(execution)
            self._wake.set()

    def _wind_down(self) -> None:
        with self._lock:
            running = dict(self._running)
        for execution in running:
            execution.ask_to_stop()
        for thread in running.values():
            thread.join()
