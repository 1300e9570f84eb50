"""Everything that can go wrong in the client, as one tree.

::

    ClientError
    ├── ConfigError            config.json, or a file it names, cannot be used
    ├── ConnectionFailedError  no answer: server off, network down, too slow
    ├── UntrustedServerError   the server could not prove that it is ours; nothing was sent
    ├── BadAnswerError         it answers, but not in the language this client knows
    └── ProblemError           the server said no, with a reason (RFC 9457)
        ├── SignInError        401: wrong password, or the sign-in has run out
        │   ├── SecondFactorNeededError  the password is right; a code is needed as well
        │   └── SessionEndedError        the server does not let the session go on
        ├── TooManyAttemptsError  429: nothing is looked at before some time is over
        ├── RefusedError       403
        ├── NotFoundError      404
        ├── ConflictError      409
        ├── InvalidError       422
        └── ServerError        5xx; the same request may work later

Each has a ``code``. The texts for people (what, meaning, advice) come from the server's document or, for
what happens on this side, from the catalogue of texts under that code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

URN = "urn:bck:"


class ClientError(Exception):
    """Base of all errors the client shows."""

    def __init__(
        self,
        code: str,
        *,
        params: Mapping[str, str] | None = None,
        what: str = "",
        meaning: str = "",
        advice: str = "",
        detail: str = "",
    ) -> None:
        super().__init__(what or detail or code)
        self.code = code
        self.params = dict(params or {})
        self.what = what
        self.meaning = meaning
        self.advice = advice
        self.detail = detail
        """Words of another program, shown as they are."""


class ConfigError(ClientError):
    """config.json, or a file it names, cannot be used."""


class ConnectionFailedError(ClientError):
    """No answer: the server is off, the network is down, or it takes too long."""


class UntrustedServerError(ClientError):
    """The server could not prove that it is ours. Nothing was sent."""


class BadAnswerError(ClientError):
    """The server answers in a way this client does not understand."""


class ProblemError(ClientError):
    """The server said no and why."""


class SignInError(ProblemError):
    """Wrong name or password, or the sign-in has run out."""


class SecondFactorNeededError(SignInError):
    """The password was right; this account asks for a code as well."""


class SessionEndedError(SignInError):
    """The session is over at the server; ``why`` is ``expired``, ``cut-off`` or ``ended`` (by somebody)."""

    why: str = "ended"


class TooManyAttemptsError(ProblemError):
    """Too many failed attempts; nothing is looked at before ``wait_seconds`` are over."""

    wait_seconds: int = 0


class RefusedError(ProblemError):
    """Understood, and not allowed."""


class NotFoundError(ProblemError):
    """What was named does not exist."""


class ConflictError(ProblemError):
    """It exists already, or its state forbids the step."""


class InvalidError(ProblemError):
    """A value is malformed. Nothing was changed."""


class ServerError(ProblemError):
    """The server is busy or at fault; the same request may work later."""


PASSING = (ConnectionFailedError, ServerError, TooManyAttemptsError)
"""The same may go well later, without anybody doing anything."""

_BY_STATUS: Mapping[int, type[ProblemError]] = {
    401: SignInError,
    403: RefusedError,
    404: NotFoundError,
    409: ConflictError,
    422: InvalidError,
    429: TooManyAttemptsError,
}
_BY_CODE: Mapping[str, type[ProblemError]] = {"second-factor-needed": SecondFactorNeededError}
LONGEST_WAIT = 3600
"""Seconds; the server never asks for more than a quarter of an hour."""


def problem_from(status: int, body: bytes, retry_after: bytes = b"") -> ProblemError:
    """The typed error for an answer with an error status, whatever its body and its Retry-After hold."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    whole = document if isinstance(document, dict) else {}
    fields = {key: value for key, value in whole.items() if isinstance(value, str)}
    urn = fields.get("type", "")
    code = urn.removeprefix(URN) if urn.startswith(URN) else f"http-{status}"
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else ProblemError)
    error = _BY_CODE.get(code, kind)(
        code,
        params={"status": str(status)},
        what=fields.get("detail") or fields.get("title", ""),
        meaning=fields.get("meaning", ""),
        advice=fields.get("advice", ""),
        detail=_field_errors(whole.get("errors")),
    )
    if isinstance(error, TooManyAttemptsError):
        error.wait_seconds = min(int(retry_after[:9]), LONGEST_WAIT) if retry_after.isdigit() else 0
        error.what = error.meaning = error.advice = ""  # the seconds it names pass while it is read
    return error


def _field_errors(errors: object) -> str:
    """Malformed fields, one a line: ``body.name: text``."""
    lines = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return "\n".join(f"{line.get('field', '')}: {line.get('message', '')}" for line in lines)
