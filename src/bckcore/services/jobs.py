"""Jobs: ask for work, follow it, stop it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.job import Asked, Job, JobKind, JobStatus
from bckcore.domain.secret import Secret
from bckcore.errors import BckError, ConflictError, InvalidInputError
from bckcore.ports.bell import Bell
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import Enqueued, JobQueue, LogLine
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.device_starts import asked_by_device
from bckcore.services.missing import accepting, require_accepting
from bckcore.services.passwords import Passwords
from bckcore.services.restore import RestoreService
from bckcore.services.restore_host import HostRestore
from bckcore.services.restore_request import RestoreRequest
from bckcore.services.schedule_jobs import if_reachable

LONGEST_KEY = 200
_UNFINISHED = (JobStatus.QUEUED, JobStatus.RUNNING)
Ready = Callable[[], Mapping[str, object]]
"""Looks whether a request can be carried out, and says what its job holds."""
_MANY = 100_000
"""More jobs than ever wait at once: one backup a profile."""


class JobService:
    """Thread-safe.

    A key that is known answers before anything is looked at: the same request gives the same job, whatever
    that has done and people have changed since. All requests go through :meth:`ask`, which sees to it.

    ``password``, where a start takes one, is that of the account on the host, for this job alone; a job that
    answers takes none and the answer says so. It raises ConflictError for a host that is entered otherwise,
    InvalidInputError for what can be no password.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        units: UnitOfWorkFactory,
        restores: RestoreService,
        host_restores: HostRestore,
        passwords: Passwords,
        bell: Bell,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._queue = queue
        self._units = units
        self._restores = restores
        self._host_restores = host_restores
        self._passwords = passwords
        self._bell = bell
        self._clock = clock
        self._new_id = new_id

    def start_backup(
        self,
        profile: ProfileId,
        *,
        requested_by: str,
        key: str = "",
        accept_missing: bool = False,
        only_if_reachable: bool = False,
        by_device: bool = False,
        password: Secret[str] | None = None,
    ) -> Enqueued:
        """Ask for a backup now. The same key, or a backup that is queued or running, answers for it;
        but not one that was asked to stop, behind which the new one waits.

        ``accept_missing``: paths that are missing are gone, however many they are; else that run would
        be suspect. Only a job that was asked so answers for that, or one of the service's
        that still waits. ``only_if_reachable``: without its host
        the job ends before a run begins. ``by_device``: the PC asks; see
        :mod:`bckcore.services.device_starts`.

        Raises NotFoundError, ConflictError for a disabled profile or where another job would answer
        that does not accept, HostNotEnrolledError, PathNotAllowedError for a source that the host's
        allow-list does not cover.
        """
        payload = {
            **accepting(accept_missing),
            **if_reachable(only_if_reachable),
            **asked_by_device(by_device),
        }

        def ready() -> Mapping[str, object]:
            self._require_startable(profile)
            if accept_missing:  # asked before as well: an answer would bind the key to that other job
                waiting = self._queue.list(status=_UNFINISHED, kind=JobKind.BACKUP, limit=_MANY)
                answering = (one for one in waiting if one.wanted and not one.up_for_taking)
                require_accepting(next((one for one in answering if one.profile == profile), None))
            return payload

        answer = self.ask(
            JobKind.BACKUP,
            profile,
            payload,
            requested_by=requested_by,
            key=key,
            password=password,
            ready=ready,
        )
        if accept_missing:
            require_accepting(answer.job)
        return answer

    def _require_startable(self, profile: ProfileId) -> None:
        with self._units(read_only=True) as uow:
            plan = uow.profiles.get(profile)
            host = uow.hosts.get(plan.host)
        if not plan.enabled:
            raise ConflictError(
                f"Profile {profile} is switched off.",
                advice=f"Switch it on: bck profile set {profile} --enable",
            )
        host.require_enrolled()
        for source in plan.sources:
            host.require_allowed(source.path)

    def start_restore(
        self,
        profile: ProfileId,
        request: RestoreRequest,
        *,
        requested_by: str,
        key: str = "",
        password: Secret[str] | None = None,
    ) -> Enqueued:
        """Ask for a restore. Raises NotFoundError, InvalidInputError; on the host also HostNotEnrolledError,
        PathNotAllowedError.

        One that goes on in a folder takes over from the profile's unfinished restores into it: these are
        cancelled.
        """
        if password is not None and request.folder is not None:
            raise InvalidInputError(
                "A restore into a folder on the server enters no host, so it takes no password.",
                meaning="Nothing was started, and the password was not kept.",
            )
        answer = self.ask(
            JobKind.RESTORE,
            profile,
            request.payload(),
            requested_by=requested_by,
            key=key,
            password=password,
            ready=lambda: self._exact(profile, request).payload(),
        )
        if request.folder is None or not request.options.resume or not answer.created:
            return answer
        return replace(answer, instead_of=self._taken_over(answer.job))

    def _exact(self, profile: ProfileId, request: RestoreRequest) -> RestoreRequest:
        """The same for the one point that it means now. Raises what keeps it from being carried out."""
        if request.folder is None:
            point = self._host_restores.check_request(
                profile,
                point=request.point,
                paths=request.paths,
                host_dir=request.host_dir,
                include_deleted=request.options.include_deleted,
            )
        elif not request.folder.is_absolute():
            raise InvalidInputError(f"{request.folder} is not a full path on the server.")
        else:
            point = self._restores.check_request(
                profile, request.point, request.paths, include_deleted=request.options.include_deleted
            )
        return replace(request, point=point.run_id)

    def _taken_over(self, job: Job) -> tuple[JobId, ...]:
        """Cancel what would later write into the same folder by itself; the new job is not among it."""

        def place(one: Job) -> tuple[ProfileId, object]:
            return one.profile, one.payload.get("folder")

        waiting = self._queue.list(status=_UNFINISHED, kind=JobKind.RESTORE, limit=_MANY)
        others = [one.id for one in waiting if one.id != job.id and place(one) == place(job)]
        for other in others:
            self._queue.request_cancel(other)
        return tuple(others)

    def start_prune(self, profile: ProfileId, *, requested_by: str, key: str = "") -> Enqueued:
        """Ask for the retention policy to be applied now. Raises NotFoundError."""
        return self.ask(JobKind.PRUNE, profile, {}, requested_by=requested_by, key=key)

    def start_preview(
        self,
        profile: ProfileId,
        *,
        requested_by: str,
        key: str = "",
        password: Secret[str] | None = None,
    ) -> Enqueued:
        """Ask what a backup would do. A preview that is queued or running answers.

        Raises NotFoundError, HostNotEnrolledError.
        """
        return self.ask(
            JobKind.PREVIEW,
            profile,
            {},
            requested_by=requested_by,
            key=key,
            password=password,
            enters_host=True,
        )

    def ask(
        self,
        kind: JobKind,
        profile: ProfileId,
        sent: Mapping[str, object],
        *,
        requested_by: str,
        key: str = "",
        password: Secret[str] | None = None,
        enters_host: bool = False,
        ready: Ready | None = None,
    ) -> Enqueued:
        """Ask for a job of any kind, with this payload as it was sent.

        ``ready`` is called for a request that no key answers: it raises what keeps that from being carried
        out now, and gives the payload of its job, in which every name is exact. Without it, nothing is
        looked at and the payload is the one that was sent.

        Raises NotFoundError; where the job ``enters_host``, HostNotEnrolledError.
        """
        asked = Asked(kind=kind, profile=profile, payload=sent, key=_own_key(requested_by, key))
        if answer := self._known(asked, password):
            return answer
        try:
            job = self._job(asked, sent if ready is None else ready(), requested_by, enters_host=enters_host)
            sealed = self._sealed(job, password)
        except BckError:
            # The same request, sent twice at once, may have been entered and carried out in between.
            if answer := self._known(asked, password):
                return answer
            raise
        answer = self._queue.enqueue(job, sealed=sealed, sent=sent)
        self._bell.ring()
        return replace(answer, password_dropped=password is not None and not answer.created)

    def _known(self, asked: Asked, password: Secret[str] | None) -> Enqueued | None:
        found = self._queue.answer_to(asked)
        if found is None:
            return None
        return Enqueued(job=found, created=False, password_dropped=password is not None)

    def get(self, job: JobId) -> Job:
        """Raises NotFoundError."""
        return self._queue.get(job)

    def list(
        self,
        *,
        status: Sequence[JobStatus] = (),
        hosts: Collection[HostId] | None = None,
        limit: int = 100,
    ) -> Sequence[Job]:
        """Newest first; with ``hosts`` only those of these hosts."""
        return self._queue.list(status=status, hosts=hosts, limit=limit)

    def cancel(self, job: JobId) -> Job:
        """Ask a job to stop; a finished one is left as it is. Raises NotFoundError."""
        return self._queue.request_cancel(job)

    def log(self, job: JobId, *, after: int = 0, limit: int = 1000) -> Sequence[LogLine]:
        """Log lines with a number above ``after``. Raises NotFoundError."""
        return self._queue.read_log(job, after=after, limit=limit)

    def _sealed(self, job: Job, password: Secret[str] | None) -> str:
        if password is None:
            return ""
        with self._units(read_only=True) as uow:
            host = uow.hosts.get(job.host)
        return self._passwords.sealed(job.id, host, password)

    def _job(
        self, asked: Asked, payload: Mapping[str, object], requested_by: str, *, enters_host: bool
    ) -> Job:
        with self._units(read_only=True) as uow:
            host = uow.profiles.get(asked.profile).host
            if enters_host:
                uow.hosts.get(host).require_enrolled()
        return Job(
            id=JobId(self._new_id()),
            kind=asked.kind,
            profile=asked.profile,
            host=host,
            requested_by=requested_by,
            created=self._clock.now(),
            payload=payload,
            idempotency_key=asked.key,
        )


def _own_key(requested_by: str, key: str) -> str:
    """A key is its requester's own: that of another person says nothing about that one's jobs."""
    if len(key) > LONGEST_KEY or not key.isprintable():
        raise InvalidInputError(f"An idempotency key has at most {LONGEST_KEY} printable characters.")
    return f"{requested_by}\n{key}" if key else ""
