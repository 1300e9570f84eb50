"""Witnesses: queue, worker, signing in and what is given out, each with its entry in the audit log."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

from bckcore.domain.audit import Action, Actor, Origin, Outcome
from bckcore.domain.enrolment import ShownByHost
from bckcore.domain.enrolment_text import parsed_token
from bckcore.domain.ids import JobId, ProfileId
from bckcore.domain.job import Asked, Job, JobResult, JobStatus
from bckcore.domain.paths import percent_encoded
from bckcore.domain.secret import Secret
from bckcore.domain.session import Caller
from bckcore.domain.ssh_trust import fingerprint
from bckcore.errors import ALARMS, AccessDeniedError, BckError, ConflictError
from bckcore.ports.archives import ArchiveFormat
from bckcore.ports.job_queue import Claim, Enqueued, JobQueue
from bckcore.ports.tokens import Tokens
from bckcore.ports.transport import Watcher
from bckcore.services.enrolments import Enrolled, Enrolments
from bckcore.services.evidence import Evidence
from bckcore.services.export import Exported, ExportService, OpenedFile
from bckcore.services.sessions import SessionService, SignedIn
from bckcore.services.throttles import Throttles, checked_network
from bckcore.services.worker import Ending, Worker

TOKEN_KEY = "token-key"  # noqa: S105  # a name
_TOLD = (
    "point",
    "paths",
    "folder",
    "host_dir",
    "options",
    "conflict",
    "dry_run",
    "run",
    "to",
    "path",
    "reason",
)
"""What of a job's request is entered; anything else it holds is not. Of a password: that there is one."""
_OUTCOMES = {
    JobStatus.SUCCEEDED: Outcome.DONE,
    JobStatus.PARTIAL: Outcome.PARTIAL,
    JobStatus.SUSPECT: Outcome.PARTIAL,
    JobStatus.CANCELLED: Outcome.CANCELLED,
    JobStatus.OFFLINE: Outcome.OFFLINE,
    JobStatus.HELD_OFF: Outcome.HELD_OFF,
}


def witnessed_queue(queue: JobQueue, evidence: Evidence) -> JobQueue:
    """The same queue; who asks for jobs, stops them, and how they end is entered."""
    return cast("JobQueue", _WitnessedQueue(queue, evidence))


class _WitnessedQueue:
    def __init__(self, inner: JobQueue, evidence: Evidence) -> None:
        self._inner = inner
        self._evidence = evidence

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def answer_to(self, asked: Asked) -> Job | None:
        """See the port. That a job answers once more is entered, and that a key stands for something else."""
        try:
            found = self._inner.answer_to(asked)
        except ConflictError as error:
            about = {"kind": asked.kind.value, "profile": asked.profile}
            self._evidence.tell_after(Action.JOB_START, Outcome.REFUSED, **about, why=error.code)
            raise
        if found is not None:
            self._evidence.tell_after(Action.JOB_START, Outcome.DONE, **_ids(found), answered_by=found.id)
        return found

    def enqueue(self, job: Job, *, sealed: str = "", sent: Mapping[str, object] | None = None) -> Enqueued:
        """See the port. Entered before: no job is ever there of which nobody knows who asked for it."""
        ids = _ids(job)
        asked = {name: job.payload.get(name) for name in _TOLD}
        if sealed:
            asked["with"] = "password"
        self._evidence.tell(Action.JOB_START, Outcome.ASKED, **ids, by=job.requested_by, **_texts(asked))
        try:
            answer = self._inner.enqueue(job, sealed=sealed, sent=sent)
        except BckError as error:
            self._evidence.tell_after(Action.JOB_START, Outcome.REFUSED, **ids, why=error.code)
            raise
        if not answer.created:
            self._evidence.tell_after(Action.JOB_START, Outcome.DONE, **ids, answered_by=answer.job.id)
        return answer

    def request_cancel(self, job: JobId) -> Job:
        """See the port. It must be possible whatever becomes of the log."""
        found = self._inner.request_cancel(job)
        self._evidence.tell_after(Action.JOB_CANCEL, Outcome.ASKED, **_ids(found), status=found.status.value)
        return found

    def finish(self, claim: Claim, status: JobStatus, result: JobResult) -> Job:
        """See the port."""
        found = self._inner.finish(claim, status, result)
        with self._evidence.witness.acting(on_behalf_of(claim.job)):
            self._evidence.tell_after(
                Action.JOB_END,
                _OUTCOMES.get(status, Outcome.FAILED),
                **_ids(claim.job),
                status=status.value,
                error=result.error_code,
                why=result.error if result.error_code in ALARMS else "",
                run=result.data.get("run_id"),
            )
        return found


def on_behalf_of(job: Job) -> Actor:
    """Who acts while the job is carried out."""
    return Actor(name=job.requested_by, origin=Origin.RUNNER)


def _ids(job: Job) -> dict[str, str]:
    return {"job": job.id, "kind": job.kind.value, "profile": job.profile, "host": job.host}


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    """Lists as their items; what is not there, or false, is left out."""
    listed = {name: " ".join(map(str, one)) if isinstance(one, list) else one for name, one in values.items()}
    return {name: str(one) for name, one in listed.items() if one}


class WitnessedWorker(Worker):
    """Whatever a job does, it does on behalf of who asked for it."""

    def __init__(self, *, evidence: Evidence, **parts: Any) -> None:
        super().__init__(**parts)
        self._evidence = evidence

    def carry_out(self, claim: Claim, watcher: Watcher) -> Ending:
        """See :class:`Worker`."""
        with self._evidence.witness.acting(on_behalf_of(claim.job)):
            return super().carry_out(claim, watcher)


class WitnessedSessions(SessionService):
    """Signing in is entered, also where it is refused; but not who is sent away to wait, which would let
    anybody fill the log. Ends of sessions are entered by the unit of work."""

    def __init__(self, *, evidence: Evidence, **parts: Any) -> None:
        super().__init__(**parts)
        self._evidence = evidence

    def sign_in(
        self,
        name: str,
        password: Secret[str],
        caller: Caller = Caller(),  # noqa: B008  # frozen
        *,
        code: Secret[str] | None = None,
    ) -> SignedIn:
        """See :class:`SessionService`. It must be possible whatever becomes of the log."""
        try:
            signed_in = super().sign_in(name, password, caller, code=code)
        except AccessDeniedError as error:
            self._evidence.tell_after(Action.LOGIN, Outcome.REFUSED, user=self._known(name), why=error.code)
            raise
        who = signed_in.user
        self._evidence.tell_after(
            Action.LOGIN, user=who.name, role=who.role.value, session=signed_in.session.id
        )
        return signed_in

    def refresh(self, token: Secret[str], caller: Caller = Caller()) -> SignedIn:  # noqa: B008  # frozen
        """See :class:`SessionService`. Only what is refused is entered: a token used twice, for one."""
        try:
            return super().refresh(token, caller)
        except AccessDeniedError as error:
            self._evidence.tell_after(Action.REFRESH, Outcome.REFUSED, why=error.code)
            raise

    def _known(self, name: str) -> str:
        """The name, if an account has it: people type their password into the wrong field."""
        user = self._user(name)
        return user.name if user else "(no account)"


class WitnessedEnrolments(Enrolments):
    """A PC that redeems a token is entered, also where it is refused; but not who is sent away to wait."""

    def __init__(self, *, evidence: Evidence, **parts: Any) -> None:
        super().__init__(**parts)
        self._evidence = evidence

    def redeem(self, text: Secret[str], shown: ShownByHost, caller: Caller) -> Enrolled:
        """See :class:`Enrolments`. That the keys are pinned is entered with the host, in one transaction."""
        keys = " ".join(map(fingerprint, shown.host_keys))
        told: dict[str, Any] = {"enrolment": parsed_token(text).id, "keys": keys}
        told |= {"rsync": shown.rsync, "gate": shown.gate}
        try:
            enrolled = super().redeem(text, shown, caller)
        except (AccessDeniedError, ConflictError) as error:
            self._evidence.tell_after(Action.ENROL, Outcome.REFUSED, why=error.what, **told)
            raise
        self._evidence.tell_after(Action.ENROL, host=enrolled.host.id, **told)
        return enrolled


class WitnessedThrottles(Throttles):
    """That the failures of an account are forgotten is entered before they are."""

    def __init__(self, *, evidence: Evidence, **parts: Any) -> None:
        super().__init__(**parts)
        self._evidence = evidence

    def unlock(self, account: str) -> int:
        """See :class:`Throttles`."""
        self._evidence.tell(Action.USER_CHANGED, user=account, changed="unlocked")
        return super().unlock(account)

    def unlock_address(self, address: str) -> tuple[str, int]:
        """See :class:`Throttles`."""
        self._evidence.tell(Action.USER_CHANGED, network=checked_network(address), changed="unlocked")
        return super().unlock_address(address)


def witnessed_tokens(tokens: Tokens, evidence: Evidence) -> Tokens:
    """The same tokens; that they are signed by another key is entered."""
    return cast("Tokens", _WitnessedTokens(tokens, evidence))


class _WitnessedTokens:
    def __init__(self, inner: Tokens, evidence: Evidence) -> None:
        self._inner = inner
        self._evidence = evidence

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def rotate(self, *, now: datetime, overlap: bool = True) -> str:
        """See the port."""
        with self._evidence.around(
            Action.KEY_STORED, secret=TOKEN_KEY, overlap="yes" if overlap else "no"
        ) as told:
            name = self._inner.rotate(now=now, overlap=overlap)
            told["fingerprint"] = name
        return name


class WitnessedExports(ExportService):
    """What leaves the storage is entered before its first byte does."""

    def __init__(self, *, evidence: Evidence, **parts: Any) -> None:
        super().__init__(**parts)
        self._evidence = evidence

    @contextmanager
    def exported(
        self,
        profile: ProfileId,
        *,
        point: str,
        paths: Sequence[bytes],
        form: ArchiveFormat,
        **how: Any,
    ) -> Iterator[Exported]:
        """See :class:`ExportService`."""
        with super().exported(profile, point=point, paths=paths, form=form, **how) as exported:
            self._evidence.tell(
                Action.EXPORT,
                profile=profile,
                point=exported.point.run_id,
                paths=" ".join(map(percent_encoded, paths)),
                form=form.value,
            )
            yield exported

    @contextmanager
    def opened(self, profile: ProfileId, *, point: str, path: bytes) -> Iterator[OpenedFile]:
        """See :class:`ExportService`."""
        with super().opened(profile, point=point, path=path) as opened:
            self._evidence.tell(Action.DOWNLOAD, profile=profile, point=point, path=percent_encoded(path))
            yield opened
