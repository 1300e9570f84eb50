"""Evidence: enters into the audit log who did what; nothing that matters is done without it.

Who acts is known to the thread or request (:meth:`Witness.acting`), set at the door by which it came.
Changes of hosts, profiles, users and histories are entered by the unit of work itself, so that no use case
can forget it; see :mod:`bckcore.services.witnessed`.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import local

from bckcore.domain.audit import (
    START,
    Action,
    Actor,
    Deed,
    Entry,
    Head,
    Origin,
    Outcome,
    about,
    chained,
    decoded,
)
from bckcore.domain.audit_proof import Proof, proved
from bckcore.errors import BckError
from bckcore.ports.audit import HeadKeeper
from bckcore.ports.clock import Clock
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

_logger = logging.getLogger("bck.audit")
PAGE = 1_000
SERVICE = Actor(name="bck", origin=Origin.SERVICE)
"""Who acts where nobody was named: the server itself."""


class Witness:
    """Knows who acts, and writes entries into units of work. Thread-safe."""

    def __init__(self, *, clock: Clock, head: HeadKeeper) -> None:
        self._clock = clock
        self._head = head
        self._actor: ContextVar[Callable[[], Actor]] = ContextVar("bck_actor", default=lambda: SERVICE)
        self._thread = local()

    @contextmanager
    def acting(self, actor: Actor | Callable[[], Actor]) -> Iterator[None]:
        """What this thread or request does inside is done by that actor; a function is asked each time."""
        token = self._actor.set(actor if callable(actor) else lambda: actor)
        try:
            yield
        finally:
            self._actor.reset(token)

    @property
    def actor(self) -> Actor:
        """Who acts now."""
        return self._actor.get()()

    def deed(self, action: Action, outcome: Outcome = Outcome.DONE, **values: object) -> Deed:
        """Something that the present actor does now."""
        return Deed(
            at=self._clock.now(), actor=self.actor, action=action, outcome=outcome, about=about(**values)
        )

    def entered(self, uow: UnitOfWork, deed: Deed) -> Entry:
        """Add the deed to the log within a writing unit; it counts when that is committed.

        An empty log goes on where the one that is remembered ended: a lost database shows as a gap.
        """
        newest = uow.audit.newest() or self._head.remembered() or START
        entry = chained(deed, newest)
        uow.audit.append(entry)
        return entry

    def remember(self, entries: Sequence[Entry]) -> None:
        """Note outside the database what has become durable."""
        self._head.remember(entries)

    def remembered(self) -> Head | None:
        """See :class:`bckcore.ports.audit.HeadKeeper`."""
        return self._head.remembered()

    # --- which unit this thread is writing in ---------------------------------------------------------

    @property
    def writing(self) -> Callable[[Deed], None] | None:
        """Enters a deed into the unit that this thread is writing in; None if there is none."""
        found: Callable[[Deed], None] | None = getattr(self._thread, "writing", None)
        return found

    @writing.setter
    def writing(self, enter: Callable[[Deed], None] | None) -> None:
        self._thread.writing = enter


class Evidence:
    """Enters what is no change in the database, and shows and proves what was entered. Thread-safe."""

    def __init__(self, *, units: UnitOfWorkFactory, witness: Witness) -> None:
        self._units = units
        self._witness = witness

    @property
    def witness(self) -> Witness:
        """Who knows who acts."""
        return self._witness

    def tell(self, action: Action, outcome: Outcome = Outcome.DONE, **values: object) -> None:
        """Enter what the present actor does; durable on return, or together with the unit that this thread
        is writing in. Raises what a unit of work raises: then it must not be done."""
        deed = self._witness.deed(action, outcome, **values)
        if (enter := self._witness.writing) is not None:
            enter(deed)
            return
        with self._units() as uow:
            entry = self._witness.entered(uow, deed)
            uow.commit()
        self._witness.remember([entry])

    def tell_after(self, action: Action, outcome: Outcome = Outcome.DONE, **values: object) -> None:
        """The same for what has happened already, or must be possible without the database. Never raises:
        what cannot be entered goes to the server's log as an error."""
        try:
            self.tell(action, outcome, **values)
        except BckError as error:
            _logger.error(  # the sentence says it all
                "not entered into the audit log: %s",
                error,
                extra={"deed": str(self._witness.deed(action, outcome, **values))},
            )

    def entries(self, *, after: int = 0, limit: int = PAGE) -> Sequence[Entry]:
        """Entries by number. Raises StorageError for a line that is none: verify tells more."""
        with self._units(read_only=True) as uow:
            return [decoded(line) for _, line in uow.audit.lines(after=after, limit=limit)]

    def lines(self) -> Iterator[bytes]:
        """All lines as they lie there, oldest first."""
        after = 0
        while True:
            with self._units(read_only=True) as uow:
                part = uow.audit.lines(after=after, limit=PAGE)
            if not part:
                return
            yield from (line for _, line in part)
            after = part[-1][0]

    def proof(self, remembered: Head | None = None) -> Proof:
        """Whether the log is what was written, up to the newest entry that is remembered or given.

        Raises StorageError if what is remembered cannot be read.
        """
        known = remembered or self._witness.remembered()
        return proved(self.lines(), known)
