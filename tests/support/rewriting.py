"""Undo, accept and forget over a house, in a word each."""

from collections.abc import Iterator
from contextlib import contextmanager

from bck_adapters.rsync.filters import GitIgnoreFilter
from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.domain.run import Run
from bckcore.errors import BckError
from bckcore.ports.job_queue import Claim
from bckcore.services.accept import AcceptService
from bckcore.services.acts import Acts
from bckcore.services.forget import ForgetPlan, ForgetService
from bckcore.services.forward import ForwardRuns
from bckcore.services.history_requests import AcceptRequest, ForgetRequest, UndoRequest
from bckcore.services.hooks import NullHooks
from bckcore.services.ledger import Ledger
from bckcore.services.undo import UndoService
from tests.support.house import House

Request = UndoRequest | AcceptRequest | ForgetRequest
_KINDS = {UndoRequest: JobKind.UNDO, AcceptRequest: JobKind.ACCEPT, ForgetRequest: JobKind.FORGET}


class Rewriting:
    """The three services over the parts of a house; made anew for a house that is opened again."""

    def __init__(self, house: House) -> None:
        self.house = house
        units, storage, recovery = house.database.units, house.storage, house.recovery
        ledger = Ledger(units=units, storage=storage)
        forward = ForwardRuns(
            units=units,
            ledger=ledger,
            hooks=NullHooks(),
            clock=house.clock,
            random_bytes=house._random.randbytes,  # the house's own chance
        )
        self.undos = UndoService(
            units=units, storage=storage, ledger=ledger, recovery=recovery, forward=forward
        )
        self.accepts = AcceptService(
            units=units, storage=storage, ledger=ledger, recovery=recovery, forward=forward
        )
        self.forgets = ForgetService(
            units=units,
            storage=storage,
            acts=Acts(units=units, storage=storage, clock=house.clock),
            ledger=ledger,
            recovery=recovery,
            filters=GitIgnoreFilter,
        )

    @contextmanager
    def claimed(self, request: Request) -> Iterator[Claim]:
        """A claimed job of that request, an hour later; finished at the end."""
        self.house.clock.advance(3600)
        claim = self.house._claimed(_KINDS[type(request)], request.payload())  # the house's own way
        try:
            yield claim
        finally:
            self.house.database.queue.finish(claim, JobStatus.SUCCEEDED, JobResult())

    def undo(self, run: int | str = "", *, to: int | str = "", reason: str = "") -> Run:
        """Undo a run that is expected to go well, problems of single paths aside."""
        run_, error = self.try_undo(run, to=to, reason=reason)
        assert error is None, error
        return run_

    def try_undo(
        self, run: int | str = "", *, to: int | str = "", reason: str = ""
    ) -> tuple[Run, BckError | None]:
        """Undo, whatever comes of it."""
        with self.claimed(UndoRequest(run=str(run), to=str(to), reason=reason)) as claim:
            return self.undos.undo(claim, self.house.watcher)

    def accept(self, run: int | str = "", *, reason: str = "meant") -> Run:
        """Accept a suspect run."""
        with self.claimed(AcceptRequest(run=str(run), reason=reason)) as claim:
            ended, error = self.accepts.accept(claim, self.house.watcher)
        assert error is None, error
        return ended

    def forget(self, path: bytes, *, reason: str = "the law") -> ForgetPlan:
        """Forget a path."""
        with self.claimed(ForgetRequest(path=path, reason=reason)) as claim:
            return self.forgets.forget(claim, self.house.watcher)
