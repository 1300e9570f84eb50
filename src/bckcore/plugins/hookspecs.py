"""All hooks, grouped by the moment they are called. Prefix ``bck_``, entry-point group ``bck``."""

from bckcore.domain.events import (
    HostUnreachable,
    PointsPruned,
    ProfileRecovered,
    ProfileStale,
    RunFinished,
)
from bckcore.domain.profile import Profile
from bckcore.domain.run import Run
from bckcore.plugins.markers import hookspec
from bckcore.plugins.registry import (
    DatabaseFactories,
    NotifierFactories,
    QueueFactories,
    StorageFactories,
    TransportFactories,
    VaultFactories,
)

# --- once, when the program starts: what the plugin offers -----------------------------------------


@hookspec
def bck_transports() -> TransportFactories:  # type: ignore[empty-body]  # a specification has no body
    """Transports by name; a host names the one that reaches it."""


@hookspec
def bck_storages() -> StorageFactories:  # type: ignore[empty-body]  # a specification has no body
    """Storage adapters by name."""


@hookspec
def bck_databases() -> DatabaseFactories:  # type: ignore[empty-body]  # a specification has no body
    """Database adapters by URL scheme."""


@hookspec
def bck_queues() -> QueueFactories:  # type: ignore[empty-body]  # a specification has no body
    """Engines of the job queue by name; the setting ``queue.engine`` names the one in use."""


@hookspec
def bck_vaults() -> VaultFactories:  # type: ignore[empty-body]  # a specification has no body
    """Vaults by name."""


@hookspec
def bck_notifiers() -> NotifierFactories:  # type: ignore[empty-body]  # a specification has no body
    """Notifiers by name; each one is made once and told of every event, after the hooks for that event.

    One that is a ``Channel`` is handed messages instead, which are kept until it has taken them.
    """


# --- around a run ----------------------------------------------------------------------------------


@hookspec
def bck_run_starting(run: Run, profile: Profile) -> str | None:
    """Before the first attempt. A text vetoes the run and is shown to people as the reason."""


@hookspec
def bck_run_finished(event: RunFinished) -> None:
    """After the receipt is written, however the run ended."""


@hookspec
def bck_host_unreachable(event: HostUnreachable) -> None:
    """A run gives up because its host does not answer; its receipt is not written yet."""


# --- after retention -------------------------------------------------------------------------------


@hookspec
def bck_points_pruned(event: PointsPruned) -> None:
    """Points were forgotten."""


# --- how fresh backups are -------------------------------------------------------------------------


@hookspec
def bck_profile_stale(event: ProfileStale) -> None:
    """A profile's newest good backup has become older than its objective (``--fresh-within``), or still is.

    Told at least once, and again every ``notify.remind_days`` (``event.told_at`` is set then).
    """


@hookspec
def bck_profile_recovered(event: ProfileRecovered) -> None:
    """A profile that was stale is as fresh as it must be again; told at least once."""
