"""Witnesses of what people prove within their sessions: a wrong password, a wrong code is entered."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bckcore.domain.audit import Action, Outcome
from bckcore.domain.secret import Secret
from bckcore.errors import AccessDeniedError
from bckcore.services.access import AccessService
from bckcore.services.evidence import Evidence
from bckcore.services.second_factor import SecondFactors


@contextmanager
def _refusal(evidence: Evidence, user: str, proof: str) -> Iterator[None]:
    """A refusal inside is entered; it stays one, whatever becomes of the log."""
    try:
        yield
    except AccessDeniedError as error:
        evidence.tell_after(Action.USER_CHANGED, Outcome.REFUSED, user=user, wrong=proof, why=error.code)
        raise


class WitnessedAccess(AccessService):
    """That somebody who is signed in does not know the password is entered: a session may be stolen."""

    def __init__(self, *, evidence: Evidence, **parts: Any) -> None:
        super().__init__(**parts)
        self._evidence = evidence

    def require_password(self, name: str, password: Secret[str]) -> None:
        """See :class:`AccessService`."""
        with _refusal(self._evidence, name, "password"):
            super().require_password(name, password)


class WitnessedSecondFactors(SecondFactors):
    """The same of a code. One that is wrong at sign-in is entered with that."""

    def __init__(self, *, evidence: Evidence, **parts: Any) -> None:
        super().__init__(**parts)
        self._evidence = evidence

    def confirm(self, name: str, code: Secret[str]) -> tuple[Secret[str], ...]:
        """See :class:`SecondFactors`."""
        with _refusal(self._evidence, name, "code"):
            return super().confirm(name, code)

    def switch_off(self, name: str, code: Secret[str] | None) -> None:
        """See :class:`SecondFactors`."""
        with _refusal(self._evidence, name, "code"):
            super().switch_off(name, code)
