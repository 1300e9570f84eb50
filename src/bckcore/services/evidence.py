"""Evidence: enters into the audit log who did what; nothing that matters is done without it.

Who acts is known to the thread or request (:meth:`Witness.acting`), set at the door by which it came.
Changes of hosts, profiles, users and histories are entered by the unit of work itself, so that no use case
can forget it; see :mod:`bckcore.services.witnessed`.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import local

from bckcore.domain.access import SERVICE as SERVICE_NAME
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
    followed,
)
from bckcore.domain.audit_proof import Proof, proved
from bckcore.errors import BckError, StorageError
from bckcore.ports.audit import HeadKeeper
from bckcore.ports.clock import Clock
from bckcore.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory

_logger = logging.getLogger("bck.audit")
PAGE = 1_000
FURTHEST = 1_000
"""So many entries a remembered one that is behind may catch up with at once."""
SERVICE = Actor(name=SERVICE_NAME, origin=Origin.SERVICE)
"""Who acts where nobody was named: the server itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """An entry within a unit that is not committed yet."""

    entry: Entry
    chain: tuple[Head, ...]
    """From the remembered entry to this one, or as far as it was followed; empty where the log does not hold
    what is remembered."""


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

    def entered(self, uow: UnitOfWork, deed: Deed, *, before: Entered | None = None) -> Entered:
        """Add the deed to the log within a writing unit; it counts when that is committed.

        ``before`` is what was entered last in the same unit since it was committed. An empty log goes on
        where the one that is remembered ended: a lost database shows as a gap. A log that does not hold what
        is remembered goes on as well, but what is remembered stays, so that it is told for good.
        """
        follows = uow.audit.newest() or self._head.remembered() or START
        entry = chained(deed, follows)
        uow.audit.append(entry)
        if before is None:
            return Entered(entry=entry, chain=self._chain(uow, entry, follows))
        whole = before.chain[-1:] == (follows,)
        return Entered(entry=entry, chain=(*before.chain, entry.head) if whole else before.chain)

    def _chain(self, uow: UnitOfWork, entry: Entry, follows: Head) -> tuple[Head, ...]:
        try:
            known = self._head.remembered()
        except StorageError:
            return ()  # whoever notes the end tells of it
        if known is None:
            return (entry.head,)
        if known == follows:
            return known, entry.head
        if chain := followed(known, _lines_from(uow, known.number)):
            return chain
        _logger.error(
            "entry %d of the audit log is not the one that was remembered, or what came after it was "
            "changed: see 'bck audit verify'",
            known.number,
        )
        return ()

    def remember(self, entered: Sequence[Entered]) -> None:
        """Note outside the database what has become durable."""
        if entered:
            self._head.remember([one.entry for one in entered], entered[-1].chain)

    def remembered(self) -> Head | None:
        """See :class:`bckcore.ports.audit.HeadKeeper`."""
        return self._head.remembered()

    def strayed(self) -> Head | None:
        """See :class:`bckcore.ports.audit.HeadKeeper`."""
        return self._head.strayed()

    # --- which unit this thread is writing in ---------------------------------------------------------

    @property
    def writing(self) -> Callable[[Deed], None] | None:
        """Enters a deed into the unit that this thread is writing in; None if there is none."""
        found: Callable[[Deed], None] | None = getattr(self._thread, "writing", None)
        return found

    @writing.setter
    def writing(self, enter: Callable[[Deed], None] | None) -> None:
        self._thread.writing = enter


def _lines_from(uow: UnitOfWork, number: int) -> Iterator[tuple[int, bytes]]:
    """That line, and if it is taken the next ones: most that do not fit do not fit there."""
    yield from uow.audit.lines(after=number - 1, limit=1)
    yield from uow.audit.lines(after=number, limit=FURTHEST)


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
            entered = self._witness.entered(uow, deed)
            uow.commit()
        self._witness.remember([entered])

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

    @contextmanager
    def around(self, action: Action, **asked: object) -> Iterator[dict[str, object]]:
        """Around what changes something outside the database: entered before, and how it ended, with what is
        put into the values. Raises what :meth:`tell` raises: then it must not be done."""
        self.tell(action, Outcome.ASKED, **asked)
        told: dict[str, object] = {}
        try:
            yield told
        except BckError as error:
            self.tell_after(action, Outcome.FAILED, **asked, why=error.code)
            raise
        self.tell_after(action, Outcome.DONE, **asked | told)

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
        if remembered is not None:
            return proved(self.lines(), remembered)
        known, strayed = self._witness.remembered(), self._witness.strayed()
        return proved(self.lines(), known, strayed)
