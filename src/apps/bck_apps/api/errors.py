"""Errors of the core, of FastAPI, and unexpected ones, as problem documents (RFC 9457).

Nothing of a request's values and nothing of the program's insides goes into an answer.
"""

import http
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.exceptions import HTTPException

from bck_apps.api.schemas_base import View
from bck_apps.wiring import logs
from bckcore import errors as core

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

log = logs.get_logger("bck.api")


class FieldProblem(View):
    """One malformed field of a request."""

    field: str = Field(description="Where it stands, for example `body.name`.")
    message: str


class Problem(View):
    """An error, after RFC 9457."""

    type: str = Field(description="`urn:bck:` and a stable code.", examples=["urn:bck:not-found"])
    title: str = Field(description="What kind of error it is.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened.")
    meaning: str = Field("", description="What it means; may be empty.")
    advice: str = Field("", description="What to do; may be empty.")
    errors: list[FieldProblem] = Field(default=[], description="Malformed fields, if that is the trouble.")


class NotSignedInError(core.AccessDeniedError):
    """No token, or none that is valid now; or a wrong name or password."""


KINDS: Mapping[type[core.BckError], tuple[int, str]] = {
    NotSignedInError: (401, "Not signed in"),
    core.SecondFactorNeededError: (401, "A second factor is needed"),
    core.TooManyAttemptsError: (429, "Too many attempts"),
    core.AccessDeniedError: (403, "Not permitted"),
    core.PathNotAllowedError: (403, "Outside the allowed folders"),
    core.RefusedError: (403, "Refused"),
    core.PathRefusedError: (422, "No path that can be used"),
    core.InvalidInputError: (422, "Malformed request"),
    core.NotFoundError: (404, "Not found"),
    core.IllegalTransitionError: (409, "In conflict with the present state"),
    core.ConflictError: (409, "In conflict with the present state"),
    core.StoreBusyError: (503, "Busy"),
    core.TooBusyError: (503, "Busy"),
    core.HostUnreachableError: (502, "The host does not answer"),
    core.HeldOffError: (503, "Its schedule allows no start now"),
    core.TransferTimeoutError: (504, "The host took too long"),
    core.TransferInterruptedError: (502, "The connection to the host broke off"),
    core.DatabaseUnreachableError: (503, "The database does not answer"),
    core.DatabaseBusyError: (503, "The database is busy"),
    core.DatabaseMovedError: (503, "The installation moves to another database"),
    core.DeliveryFailedError: (503, "A message was not delivered"),
    core.TransientError: (503, "Not possible just now"),
    core.SealBrokenError: (500, "A sealed password cannot be opened"),
    core.HostKeyUnknownError: (422, "No host key is known"),
    core.HostNotEnrolledError: (409, "Not enrolled yet"),
    core.HostKeyChangedError: (502, "The host shows another key"),
    core.AuthenticationError: (502, "The host refused the login"),
    core.PrivateKeyError: (500, "The server cannot read its key for the host"),
    core.RsyncMissingError: (502, "The host has no usable rsync"),
    core.SourceMissingError: (502, "The host has no such folder"),
    core.FilesMissingError: (409, "Most files had vanished from the host"),
    core.MuchUnreadError: (409, "Too little could be read from the host"),
    core.ContentForgedError: (502, "The host sent forged content"),
    core.TransferFailedError: (502, "The host could not be worked with"),
    core.SentTwiceError: (502, "The host does what no honest one does"),
    core.VetoedError: (403, "A plugin refused"),
    core.JobGivenUpError: (500, "Given up"),
    core.PermanentError: (500, "Not possible until a person acts"),
    core.QuotaExceededError: (507, "The host has reached its quota"),
    core.StoreFullError: (507, "The backup storage is full"),
    core.DatabaseDamagedError: (500, "Trouble with the database"),
    core.StorageError: (500, "Trouble with the backup storage"),
    core.JobCancelledError: (409, "Cancelled"),
    core.LeaseLostError: (409, "The job belongs to another runner"),
    core.BckError: (500, "Error"),
}
"""Every class of the error tree, or its nearest ancestor here, gives status and title."""


def kind_of(error: core.BckError) -> tuple[int, str]:
    """Status and title for an error of the core."""
    return next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)


def problem_of(error: core.BckError) -> Problem:
    """The document for an error of the core."""
    status, title = kind_of(error)
    return Problem(
        type=f"urn:bck:{error.code}",
        title=title,
        status=status,
        detail=error.what,
        meaning=error.meaning,
        advice=error.advice,
    )


_PROTOCOL: Mapping[int, tuple[str, str]] = {
    404: (
        "This server has nothing at that address. Nothing was changed.",
        "Compare the path with the server's own list of routes: GET /openapi.json.",
    ),
    405: (
        "The address exists, but does not take this method. Nothing was changed.",
        "Use one of the methods that the header Allow names.",
    ),
    408: (
        "The connection is too slow, or broke off. Nothing was changed.",
        "Send the request again; send less at once if that happens every time.",
    ),
    413: ("The request was not read. Nothing was changed.", "Send less at once."),
}
_OTHERWISE = (
    "The request was not carried out.",
    "Compare it with the server's own description: GET /openapi.json.",
)


def http_problem(status: int, detail: str = "") -> Problem:
    """The document for an error of the protocol itself: no such route, wrong method, body too large."""
    title = http.HTTPStatus(status).phrase
    code = title.lower().replace(" ", "-").replace("'", "")
    meaning, advice = _PROTOCOL.get(status, _OTHERWISE)
    return Problem(
        type=f"urn:bck:{code}",
        title=title,
        status=status,
        detail=detail or title,
        meaning=meaning,
        advice=advice,
    )


def validation_problem(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """The document for fields that are malformed; names them, and never repeats their values."""
    fields = [
        FieldProblem(field=".".join(str(part) for part in error["loc"]), message=str(error["msg"]))
        for error in errors
    ]
    return Problem(
        type=f"urn:bck:{core.InvalidInputError.code}",
        title=KINDS[core.InvalidInputError][1],
        status=422,
        detail="; ".join(f"{one.field}: {one.message}" for one in fields),
        meaning="Nothing was changed.",
        advice="Correct the named fields and send the request again.",
        errors=fields,
    )


def unexpected_problem(error: Exception) -> Problem:
    """The document for an error nobody thought of; it goes to the log under a number."""
    incident = uuid.uuid4().hex[:12]
    log.error("unexpected error", incident=incident, exc_info=error)
    return Problem(
        type="urn:bck:internal",
        title="Internal error",
        status=500,
        detail=f"An internal error stopped the request (incident {incident}).",
        meaning="The fault is the program's, not yours.",
        advice="The server's log has the details under this number.",
    )


def response(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The document as a response, with the headers that its status asks for."""
    extra = dict(headers or {})
    if problem.status == 401:
        extra["WWW-Authenticate"] = "Bearer"
    if problem.status == 503:
        extra["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return JSONResponse(problem.model_dump(), problem.status, extra, media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem documents of a route, for the OpenAPI document."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": http.HTTPStatus(status).phrase, "content": content} for status in statuses
    }


def install(app: FastAPI) -> None:
    """Answer every error of a route with a problem document."""

    def core_error(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, core.BckError):
            raise error
        problem = problem_of(error)
        if problem.status == 500:
            log.error("request failed", code=error.code, error=str(error))
        if isinstance(error, core.TooManyAttemptsError):
            return response(problem, {"Retry-After": str(error.wait_seconds)})
        return response(problem)

    def http_error(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            raise error
        return response(http_problem(error.status_code, str(error.detail)), error.headers)

    def validation_error(_request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, RequestValidationError):
            raise error
        return response(validation_problem(error.errors()))

    app.add_exception_handler(core.BckError, core_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, validation_error)
