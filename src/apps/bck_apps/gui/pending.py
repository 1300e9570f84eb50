"""An answer that comes later, on the same thread. No Qt, so that view-models need none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from bck_apps.gui.problems import ClientError

T = TypeVar("T")
U = TypeVar("U")


class Pending(Generic[T]):
    """Settled once: with a value or with an error. Handlers are called at once if it is settled already."""

    def __init__(self) -> None:
        self._value: T | None = None
        self._error: ClientError | None = None
        self._settled = False
        self._handlers: list[tuple[Callable[[T], object], Callable[[ClientError], object]]] = []

    @property
    def settled(self) -> bool:
        """True once there is a value or an error."""
        return self._settled

    def then(self, done: Callable[[T], object], failed: Callable[[ClientError], object]) -> None:
        """Call ``done`` with the value or ``failed`` with the error. Both are needed: no error is lost."""
        self._handlers.append((done, failed))
        if self._settled:
            self._call()

    def resolve(self, value: T) -> None:
        """Settle with a value; ignored when settled."""
        if not self._settled:
            self._value, self._settled = value, True
            self._call()

    def reject(self, error: ClientError) -> None:
        """Settle with an error; ignored when settled."""
        if not self._settled:
            self._error, self._settled = error, True
            self._call()

    def map(self, change: Callable[[T], U]) -> Pending[U]:
        """A pending of the changed value; a ClientError that ``change`` raises becomes its error."""
        after: Pending[U] = Pending()

        def done(value: T) -> None:
            try:
                changed = change(value)
            except ClientError as error:
                after.reject(error)
            else:
                after.resolve(changed)

        self.then(done, after.reject)
        return after

    def _call(self) -> None:
        handlers, self._handlers = self._handlers, []
        for done, failed in handlers:
            if self._error is not None:
                failed(self._error)
            else:
                done(self._value)  # type: ignore[arg-type]  # settled without error: it is a T


def settled(value: T) -> Pending[T]:
    """An answer that is there already."""
    pending: Pending[T] = Pending()
    pending.resolve(value)
    return pending


def both(first: Pending[None], second: Pending[None]) -> Pending[None]:
    """Settles, never with an error, once the two are settled, whatever came of them."""
    after: Pending[None] = Pending()

    def heard(_: object) -> None:
        if first.settled and second.settled:
            after.resolve(None)

    first.then(heard, heard)
    second.then(heard, heard)
    return after
