"""Undo, accept and forget over a house, in a word each."""

from collections.abc import Iterator
from contextlib import contextmanager

from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.domain.run import Run
from bckcore.errors import BckError
from bckcore.ports.job_queue import Claim
from bckcore.services.forget import ForgetPlan
from bckcore.services.history_requests import AcceptRequest, ForgetRequest, UndoRequest
from tests.support.house import House

Request = UndoRequest | AcceptRequest | ForgetRequest
_KINDS = {UndoRequest: JobKind.UNDO, AcceptRequest: JobKind.ACCEPT, ForgetRequest: JobKind.FORGET}


class Rewriting:
    """The three services of a house; made anew for a house that is opened again."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.undos, self.accepts, self.forgets = house.undos, house.accepts, house.forgets

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
