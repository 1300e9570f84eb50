"""Application: one opened installation, ready to work; and how an installation is made."""

import logging
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from dependency_injector import providers

from bck_adapters.landlock import kernel_support
from bck_adapters.pki import TlsFiles
from bck_adapters.rsync.version import require_local_rsync, told_holes
from bck_apps.wiring.certificates import Certificates
from bck_apps.wiring.container import Container
from bck_apps.wiring.database import PASSWORD_REF, DatabasePlace, database_lines
from bck_apps.wiring.nodes import taken_over
from bck_apps.wiring.plugins import PluginReport, load_plugins
from bck_apps.wiring.private_folder import PrivateFolder
from bck_apps.wiring.rescue import database_damage
from bck_apps.wiring.settings import (
    FILE_NAME,
    ApiSettings,
    DatabaseSettings,
    Settings,
    StorageSettings,
    as_toml,
    load,
)
from bckcore.domain.access import Role
from bckcore.domain.audit import Action, Actor
from bckcore.domain.ids import ProfileId, SecretRef
from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError, NotFoundError, RefusedError, StorageError
from bckcore.plugins.registry import DatabaseState, QueueState
from bckcore.ports.bell import Bell
from bckcore.ports.clock import Clock
from bckcore.ports.job_queue import JobQueue
from bckcore.ports.node_queue import NodeQueue
from bckcore.ports.processes import Processes
from bckcore.ports.storage import Storage, StorageFinding
from bckcore.ports.tokens import Tokens
from bckcore.ports.unit_of_work import UnitOfWorkFactory
from bckcore.services.access import AccessService, check_account
from bckcore.services.browse import BrowseService
from bckcore.services.check_jobs import CheckJobs
from bckcore.services.compare import CompareService
from bckcore.services.device_tokens import DeviceTokens
from bckcore.services.evidence import Evidence, Witness
from bckcore.services.export import ExportService
from bckcore.services.history import HistoryService
from bckcore.services.holds import HoldService
from bckcore.services.hosts import HostService
from bckcore.services.jobs import JobService
from bckcore.services.notices import NoticeService
from bckcore.services.presence import PresenceService
from bckcore.services.profiles import ProfileService
from bckcore.services.prune import PruneService
from bckcore.services.rebuild import Rebuild
from bckcore.services.restore import RestoreService
from bckcore.services.scheduler import Scheduler
from bckcore.services.second_factor import SecondFactors
from bckcore.services.sessions import SessionService
from bckcore.services.standing import StandingService
from bckcore.services.throttles import Throttles
from bckcore.services.worker import Worker

log = logging.getLogger("bck")


class Application:
    """Services of one installation. Thread-safe. Close it, or use it as a context manager."""

    def __init__(self, home: Path, settings: Settings) -> None:
        self.home = home
        self.settings = settings
        self._plugins = load_plugins(blocked=settings.plugins.blocked, tell=_tell)
        self._private = PrivateFolder(home, os.environ)
        self.container = Container(
            home=providers.Object(home),
            settings=providers.Object(settings),
            plugins=providers.Object(self._plugins),
            runtime_dir=providers.Object(self._private.path),
        )

    @property
    def clock(self) -> Clock:
        """Time."""
        return self.container.clock()

    @property
    def storage(self) -> Storage:
        """The backup storage, for those who look; it is there also while the database is not."""
        return self.container.bare_storage()

    @property
    def units(self) -> UnitOfWorkFactory:
        """Units of work."""
        return self.container.units()

    @property
    def processes(self) -> Processes:
        """The processes of this machine."""
        return self.container.processes()

    @property
    def bell(self) -> Bell:
        """Wakes the runner of this installation."""
        return self.container.bell()

    @property
    def queue(self) -> JobQueue:
        """The job queue."""
        return self.container.queue()

    @property
    def jobs(self) -> JobService:
        """Ask for work and follow it."""
        return self.container.jobs()

    @property
    def hosts(self) -> HostService:
        """Hosts."""
        return self.container.hosts()

    @property
    def profiles(self) -> ProfileService:
        """Profiles."""
        return self.container.profiles()

    @property
    def restores(self) -> RestoreService:
        """Points and restores."""
        return self.container.restores()

    @property
    def exports(self) -> ExportService:
        """Archives and files of points."""
        return self.container.exports()

    @property
    def prunes(self) -> PruneService:
        """Retention."""
        return self.container.prunes()

    @property
    def rebuilds(self) -> Rebuild:
        """The database's knowledge, made anew from storage."""
        return self.container.rebuilds()

    @property
    def holds(self) -> HoldService:
        """Points that stay whatever retention says."""
        return self.container.holds()

    @property
    def browse(self) -> BrowseService:
        """Folders, versions, finds."""
        return self.container.browse()

    @property
    def compare(self) -> CompareService:
        """Differences, and what is deleted."""
        return self.container.compare()

    @property
    def history(self) -> HistoryService:
        """Runs; undo, accept and forget."""
        return self.container.history()

    @property
    def check_jobs(self) -> CheckJobs:
        """Ask for checks and see what they found."""
        return self.container.check_jobs()

    @property
    def scheduler(self) -> Scheduler:
        """Asks for what is due."""
        return self.container.scheduler()

    @property
    def standings(self) -> StandingService:
        """What is due when and why, and how fresh every profile is."""
        return self.container.standings()

    @property
    def presences(self) -> PresenceService:
        """What hosts say about themselves."""
        return self.container.presences()

    @property
    def notices(self) -> NoticeService:
        """What people are told by messages."""
        return self.container.notices()

    def keep_secret(self, ref: SecretRef, secret: Secret[str]) -> None:
        """Put a secret into the vault. Raises StorageError."""
        self.container.vault().put(ref, secret)

    @property
    def access(self) -> AccessService:
        """Accounts."""
        return self.container.access()

    @property
    def evidence(self) -> Evidence:
        """The audit log."""
        return self.container.evidence()

    @property
    def witness(self) -> Witness:
        """Knows who acts; it is there also while the database is not."""
        return self.container.witness()

    @property
    def sessions(self) -> SessionService:
        """Who is signed in."""
        return self.container.sessions()

    @property
    def throttles(self) -> Throttles:
        """Who has to wait."""
        return self.container.throttles()

    @property
    def device_tokens(self) -> DeviceTokens:
        """Tokens of devices."""
        return self.container.device_tokens()

    @property
    def second_factors(self) -> SecondFactors:
        """Codes beside passwords."""
        return self.container.second_factors()

    @property
    def tokens(self) -> Tokens:
        """Signs access tokens."""
        return self.container.tokens()

    @property
    def worker(self) -> Worker:
        """Carries out jobs."""
        return self.container.worker()

    @property
    def moved(self) -> bool:
        """True if the installation has moved to another database since it was opened: open it anew."""
        return not self.container.context().database_used()

    def database_state(self) -> DatabaseState:
        """Where the database is and how it is. Raises TransientError, StorageError if it is out of reach."""
        state = self.container.database().state
        if state is None:
            raise NotFoundError("This database adapter tells nothing of its state.")
        return state()

    def queue_state(self) -> QueueState:
        """How the queue is. Raises BckError if it cannot be told."""
        offered = self.container.offered_queue()
        if offered.state is not None:
            return offered.state()
        return QueueState(ok=True, detail=self.settings.queue.engine)

    def jobs_by_node(self) -> dict[str, int]:
        """How many unfinished jobs each storage node has; empty where the database knows no nodes."""
        node_queue = self._node_queue()
        return node_queue.waiting() if node_queue else {}

    def profiles_elsewhere(self) -> Collection[ProfileId]:
        """Profiles that belong to other storage nodes; none where the database knows no nodes."""
        node_queue = self._node_queue()
        return node_queue.profiles_elsewhere() if node_queue else ()

    def take_over_node(self, node: str) -> int:
        """Make another node's jobs and profiles this node's; how many jobs there were.

        Raises RefusedError, NotFoundError.
        """
        own = self.settings.queue.node
        with self.evidence.around(Action.NODE_TAKEN_OVER, node=node, to=own) as told:
            told["jobs"] = moved = taken_over(
                node,
                own=own,
                of_node=self.container.database().node_queue,
                worker_of=self.container.offered_queue().worker_of,
            )
        return moved

    def _node_queue(self) -> NodeQueue | None:
        of_node = self.container.database().node_queue
        return of_node(self.settings.queue.node) if of_node else None

    @property
    def plugins(self) -> PluginReport:
        """What is loaded and what was refused."""
        return self._plugins.report

    @property
    def tls(self) -> TlsFiles:
        """CA and server certificate; made or renewed when needed."""
        return self.certificates.files()

    @property
    def certificates(self) -> Certificates:
        """What the server shows to prove who it is."""
        return self.container.certificates()

    @property
    def runtime_dir(self) -> Path:
        """The private folder of this process, where keys are opened."""
        return self._private.path

    def doctor(self) -> Sequence[StorageFinding]:
        """Look at the installation without changing it."""
        mode = self.home.stat().st_mode & 0o777
        private = StorageFinding(
            name="home folder is private", ok=mode & 0o077 == 0, detail=f"{self.home} has mode {mode:03o}"
        )
        refused = self.plugins.refused
        plugins = StorageFinding(
            name="plugins",
            ok=not any(one.reason != "blocked in the settings" for one in refused),
            detail=f"{len(self.plugins.loaded)} loaded, {len(refused)} refused",
        )
        return (private, plugins, *self.storage.inspect())

    def rsync_standing(self) -> tuple[bool, str]:
        """True, and that this machine's rsync has no known holes.

        Raises RsyncMissingError if it has some, is missing or too old.
        """
        require_local_rsync(os.environ.get("PATH", os.defpath))
        return True, "none in this server's rsync"

    def rsync_holes(self) -> tuple[bool, str]:
        """True if this machine's rsync has not even those known holes that are told and not refused.

        Raises what :meth:`rsync_standing` raises.
        """
        standing = self.rsync_standing()
        told = told_holes(os.environ.get("PATH", os.defpath))
        return (False, told) if told else standing

    def displaced_held(self) -> bool:
        """Whether the kernel keeps what a pull displaces from being removed or overwritten."""
        return kernel_support() > 0

    def require_safe_programs(self) -> None:
        """Raise RsyncMissingError if this machine has an rsync with known holes; without one it may serve."""
        if shutil.which("rsync") is not None:
            self.rsync_standing()

    def database_damage(self) -> str:
        """What a long look finds wrong with the database, in words; empty if nothing."""
        return database_damage(self.home, self.settings)

    def close(self) -> None:
        """Release the database and the private runtime folder. Safe to repeat."""
        self.container.shutdown_resources()
        self._private.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_application(home: Path) -> Application:
    """Open an installation. Raises NotFoundError before ``bck init``, InvalidInputError for bad settings."""
    return Application(home, load(home))


def initialise(
    home: Path,
    *,
    storage: Path,
    admin: str,
    password: Secret[str],
    names: Sequence[str] = (),
    database: DatabasePlace | None = None,
    by: Actor | None = None,
) -> Application:
    """Make an installation: settings, storage, database, CA and certificate, first administrator.

    Raises RefusedError if there is one already or the database is another's, StorageError if the folder
    cannot hold backups, InvalidInputError for a bad name or password. What fails leaves no half-made
    installation behind, but for empty tables on a database server.
    """
    if not storage.is_absolute():
        raise InvalidInputError(f"{storage} is not a full path.")
    if (home / FILE_NAME).exists():
        raise RefusedError(
            f"There is an installation in {home} already.",
            meaning="Nothing was changed.",
            advice="Use another BCK_HOME for a second one.",
        )
    check_account(admin, password)
    with _fresh_home(home):
        settings = Settings(
            storage=StorageSettings(root=storage),
            api=ApiSettings(names=tuple(names)),
            database=_database_settings(database),
        )
        application = Application(home, settings)
        try:
            if database is not None:
                _keep_password(application, database)
                _require_unused(application)
            application.storage.prepare()
            with application.witness.acting(by) if by else nullcontext():
                application.access.add_user(admin, password, Role.ADMIN)
            _ = application.tls
            _write_private(
                home / FILE_NAME, as_toml(storage, tuple(names), _database_text(settings.database))
            )
        except BaseException:
            application.close()
            raise
    return application


def _database_settings(place: DatabasePlace | None) -> DatabaseSettings:
    if place is None:
        return DatabaseSettings()
    return DatabaseSettings(url=place.url, password_ref=PASSWORD_REF if place.password else "")


def _database_text(settings: DatabaseSettings) -> str:
    chosen = {name: value for name in ("url", "password_ref") if (value := getattr(settings, name))}
    return "\n" + "\n".join(database_lines(chosen)) + "\n" if chosen else ""


def _keep_password(application: Application, place: DatabasePlace) -> None:
    if place.password is not None:
        application.container.bare_vault().put(PASSWORD_REF, place.password)


def _require_unused(application: Application) -> None:
    with application.units(read_only=True) as uow:
        used = bool(uow.users.list() or uow.hosts.list())
    if used:
        raise RefusedError(
            f"The database {application.settings.database.url} belongs to another installation.",
            meaning="Nothing was changed.",
            advice="Give a database that was just made.",
        )


@contextmanager
def _fresh_home(home: Path) -> Iterator[None]:
    """Make the folder; when making the installation fails, take away what was put into an empty one.

    Folders that were made for it go, too.
    """
    try:
        made = [folder for folder in (home, *home.parents) if not folder.exists()]
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        strangers = any(home.iterdir())
    except OSError as exc:
        raise StorageError(
            f"{home} cannot be made: {exc.strerror}.", advice="Choose another folder."
        ) from exc
    if strangers:
        raise RefusedError(f"{home} is not empty.", advice="Choose an empty or new folder as BCK_HOME.")
    try:
        home.chmod(0o700)
        yield
    except BaseException:
        for left in home.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
        for folder in made:
            with suppress(OSError):  # somebody else put something there
                folder.rmdir()
        raise


def _write_private(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _tell(plugin: str, reason: str) -> None:
    log.warning("plugin %s: %s", plugin, reason)
