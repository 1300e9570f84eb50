"""The container: the one place where ports meet adapters. Everything is made once, when first asked for."""

import os
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import SystemRandom
from typing import cast

from dependency_injector import containers, providers

from bck_adapters.archives import StreamedArchives
from bck_adapters.audit_head import FileHeadKeeper
from bck_adapters.auth import Argon2Hasher, JwtTokens
from bck_adapters.bell import FifoBell
from bck_adapters.clock import SystemClock
from bck_adapters.notify import FileOutbox
from bck_adapters.pki import OpenSshKeys
from bck_adapters.processes import LinuxProcesses
from bck_adapters.rsync.filters import GitIgnoreFilter
from bck_adapters.sealed_box import SealingKeys, X25519Box
from bck_adapters.storage_fs import FsRestoreTargets
from bck_apps.wiring.announcer import Announcer
from bck_apps.wiring.certificates import Certificates
from bck_apps.wiring.database import Generation, password_in_file
from bck_apps.wiring.ground import own_ground
from bck_apps.wiring.notices import made_notices, notifier_context, remind_after, server_name
from bck_apps.wiring.plugins import OfferedNotifier, Plugins
from bck_apps.wiring.rescue import database_url, require_database
from bck_apps.wiring.settings import FILE_NAME, Settings
from bckcore.domain.host import Host
from bckcore.domain.ids import SecretRef
from bckcore.domain.job import JobKind
from bckcore.domain.target import Target
from bckcore.plugins.registry import AdapterContext, Database, OfferedQueue, QueueContext
from bckcore.ports.storage import Storage
from bckcore.ports.transport import Transport
from bckcore.ports.vault import Vault
from bckcore.services.accept import AcceptService
from bckcore.services.acts import Acts
from bckcore.services.backup import BackupService
from bckcore.services.browse import BrowseService
from bckcore.services.check import CheckService
from bckcore.services.check_host import HostReader
from bckcore.services.check_jobs import CheckJobs, check_steps
from bckcore.services.compare import CompareService
from bckcore.services.credentials import Credentials
from bckcore.services.device_tokens import DeviceTokens
from bckcore.services.evidence import Evidence, Witness
from bckcore.services.fence import Fence, fenced_storage, fenced_units
from bckcore.services.forget import ForgetService
from bckcore.services.former_host import FormerHosts
from bckcore.services.forward import ForwardRuns
from bckcore.services.history import HistoryService, history_steps
from bckcore.services.holds import HoldService
from bckcore.services.host_login import HostLogins
from bckcore.services.hosts import HostService
from bckcore.services.jobs import JobService
from bckcore.services.ledger import Ledger
from bckcore.services.metrics import MetricService
from bckcore.services.own_ground import Borders, bordered
from bckcore.services.passwords import Passwords
from bckcore.services.presence import PresenceService
from bckcore.services.preview import PreviewService
from bckcore.services.preview_jobs import preview_steps
from bckcore.services.profiles import ProfileService
from bckcore.services.prune import PruneService
from bckcore.services.pull import Puller
from bckcore.services.reach import Reach
from bckcore.services.recovery import Recovery
from bckcore.services.restore import RestoreService
from bckcore.services.restore_host import HostRestore
from bckcore.services.scheduler import Scheduler
from bckcore.services.ssh_authority import SshAuthority
from bckcore.services.standing import StandingService
from bckcore.services.undo import UndoService
from bckcore.services.unknown import UnitsWithHints
from bckcore.services.witnessed import WitnessedVault, witnessed_units
from bckcore.services.witnesses import (
    WitnessedEnrolments,
    WitnessedExports,
    WitnessedSessions,
    WitnessedThrottles,
    WitnessedWorker,
    witnessed_queue,
    witnessed_tokens,
)
from bckcore.services.witnesses_people import WitnessedAccess, WitnessedSecondFactors
from bckcore.services.witnesses_rebuild import WitnessedRebuild
from bckcore.services.worker import Step


def adapter_context(
    home: Path, settings: Settings, runtime_dir: Path, clock: SystemClock, processes: LinuxProcesses
) -> AdapterContext:
    """What adapter factories are told."""
    return AdapterContext(
        home=home,
        runtime_dir=runtime_dir,
        target=Target(root=settings.storage.root),
        database_url=database_url(home, settings),
        clock=clock,
        database_password=password_in_file(settings.database.password_file),
        database_used=Generation(home / FILE_NAME, settings.database.generation).is_current,
        processes=processes,
        transfer_memory=settings.runner.transfer_memory,
    )


def made_bell(home: Path) -> FifoBell:
    """The one by which this installation's runner is woken."""
    return FifoBell(home / "run" / "bell")


def made_storage(plugins: Plugins, context: AdapterContext, settings: Settings) -> Storage:
    """The storage adapter that the settings name."""
    return cast("Storage", plugins.make("bck_storages", settings.storage.adapter, context, "storage"))


def made_vault(plugins: Plugins, context: AdapterContext, settings: Settings) -> Vault:
    """The vault that the settings name."""
    return cast("Vault", plugins.make("bck_vaults", settings.security.vault, context, "vault"))


def database_context(plugins: Plugins, context: AdapterContext, settings: Settings) -> AdapterContext:
    """The context with the password of the database, wherever the settings keep it."""
    if settings.database.password_ref and context.database_password is None:
        secret = made_vault(plugins, context, settings).get(SecretRef(settings.database.password_ref))
        return replace(context, database_password=secret)
    return context


def opened_database(plugins: Plugins, context: AdapterContext) -> Iterator[Database]:
    """The database adapter for the URL's scheme, its schema brought up to date; closed at the end.

    Raises DatabaseDamagedError where an installation has lost its database.
    """
    require_database(context.home, context.database_url)
    scheme = context.database_url.partition(":")[0].partition("+")[0]
    database = cast("Database", plugins.make("bck_databases", scheme, context, "database"))
    try:
        database.migrate()
        yield database
    finally:
        database.close()


def opened_queue(
    plugins: Plugins, context: AdapterContext, settings: Settings, database: Database
) -> Iterator[OfferedQueue]:
    """The queue with the engine that the settings name; closed before the database is."""
    told = QueueContext(adapter=context, database=database, node=settings.queue.node)
    offered = cast("OfferedQueue", plugins.make("bck_queues", settings.queue.engine, told, "queue engine"))
    try:
        yield offered
    finally:
        offered.close()


def transport_finder(plugins: Plugins, context: AdapterContext) -> Callable[[Host], Transport]:
    """Finds, and keeps, the transport that a host names."""
    made: dict[str, Transport] = {}

    def find(host: Host) -> Transport:
        if host.transport not in made:
            offered = plugins.make("bck_transports", host.transport, context, "transport")
            made[host.transport] = cast("Transport", offered)
        return made[host.transport]

    return find


def offered_notifiers(plugins: Plugins, context: AdapterContext) -> tuple[OfferedNotifier, ...]:
    """Every notifier that is offered and wanted."""
    return plugins.notifiers(context)


def made_outbox(home: Path) -> FileOutbox:
    """Where messages to people wait."""
    return FileOutbox(home / "outbox")


def made_head(home: Path) -> FileHeadKeeper:
    """Where the end of the audit log is remembered."""
    return FileHeadKeeper(home / "audit.head")


def new_id() -> str:
    """A job id that nobody can guess."""
    return uuid.uuid4().hex


def new_seed() -> int:
    """What a check's random choice begins with."""
    return secrets.randbits(32)


def all_steps(*groups: Mapping[JobKind, Step]) -> dict[JobKind, Step]:
    """How every kind of job is carried out that the worker does not know itself."""
    return {kind: step for group in groups for kind, step in group.items()}


class Container(containers.DeclarativeContainer):
    """Parts of one installation. ``home``, ``settings``, ``plugins`` and ``runtime_dir`` are given."""

    home = providers.Dependency(instance_of=Path)
    settings = providers.Dependency(instance_of=Settings)
    plugins = providers.Dependency(instance_of=Plugins)
    runtime_dir = providers.Dependency(instance_of=Path)

    clock = providers.Singleton(SystemClock)
    processes = providers.Singleton(LinuxProcesses)
    bell = providers.Singleton(made_bell, home)
    context = providers.Singleton(adapter_context, home, settings, runtime_dir, clock, processes)
    bare_vault = providers.Singleton(made_vault, plugins, context, settings)
    database_context = providers.Singleton(database_context, plugins, context, settings)
    database = providers.Resource(opened_database, plugins, database_context)
    offered_queue = providers.Resource(opened_queue, plugins, database_context, settings, database)
    bare_queue = offered_queue.provided.queue
    fence = providers.Singleton(Fence, queue=bare_queue, clock=clock)
    bare_storage = providers.Singleton(made_storage, plugins, context, settings)
    storage = providers.Singleton(fenced_storage, bare_storage, fence)
    witness = providers.Singleton(Witness, clock=clock, head=providers.Singleton(made_head, home))
    units = providers.Singleton(
        UnitsWithHints,
        providers.Singleton(
            witnessed_units, providers.Singleton(fenced_units, database.provided.units, fence), witness
        ),
        storage,
    )
    evidence = providers.Singleton(Evidence, units=units, witness=witness)
    vault = providers.Singleton(WitnessedVault, bare_vault, evidence)
    ssh_keys = providers.Singleton(OpenSshKeys)
    ssh_authority = providers.Singleton(
        SshAuthority,
        units=units,
        vault=vault,
        keys=ssh_keys,
        clock=clock,
        random_bytes=providers.Object(os.urandom),
        addresses=settings.provided.ssh.source_addresses,
    )
    credentials = providers.Singleton(Credentials, vault, ssh_authority)
    sealed_box = providers.Singleton(X25519Box, providers.Singleton(SealingKeys, home, vault))
    passwords = providers.Singleton(Passwords, sealed_box)
    queue = providers.Singleton(witnessed_queue, bare_queue, evidence)
    ground = providers.Singleton(own_ground, home, settings, runtime_dir)
    offered_transports = providers.Singleton(transport_finder, plugins, context)
    transport_for = providers.Singleton(bordered, offered_transports, ground)
    borders = providers.Singleton(Borders, transport_for=transport_for, ground=ground)
    filters = providers.Object(GitIgnoreFilter)
    notifiers = providers.Singleton(
        offered_notifiers, plugins, providers.Singleton(notifier_context, context, settings, vault.provider)
    )
    outbox = providers.Singleton(made_outbox, home)
    notices = providers.Singleton(made_notices, settings, outbox, notifiers, clock)
    hooks = providers.Singleton(Announcer, plugins, notifiers, notices)
    targets = providers.Singleton(FsRestoreTargets, context.provided.target.root, ground=ground)

    ledger = providers.Singleton(Ledger, units=units, storage=storage)
    recovery = providers.Singleton(Recovery, storage=storage, clock=clock, ledger=ledger)
    rebuilds = providers.Singleton(
        WitnessedRebuild, evidence=evidence, units=units, storage=storage, recovery=recovery, clock=clock
    )
    random = providers.Singleton(SystemRandom)
    puller = providers.Singleton(
        Puller,
        storage=storage,
        transport_for=transport_for,
        credentials=credentials,
        filters=filters,
        clock=clock,
        random=random,
    )
    backups = providers.Singleton(
        BackupService,
        units=units,
        storage=storage,
        puller=puller,
        ledger=ledger,
        recovery=recovery,
        filters=filters,
        hooks=hooks,
        clock=clock,
        random_bytes=providers.Object(os.urandom),
    )
    restores = providers.Singleton(
        RestoreService, units=units, storage=storage, recovery=recovery, targets=targets, clock=clock
    )
    prunes = providers.Singleton(
        PruneService, units=units, storage=storage, recovery=recovery, hooks=hooks, clock=clock
    )
    exports = providers.Singleton(
        WitnessedExports,
        evidence=evidence,
        units=units,
        storage=storage,
        recovery=recovery,
        archives=providers.Singleton(StreamedArchives),
        clock=clock,
    )
    host_restores = providers.Singleton(
        HostRestore,
        units=units,
        storage=storage,
        recovery=recovery,
        transport_for=transport_for,
        borders=borders,
        credentials=credentials,
        clock=clock,
        random=random,
    )
    forward = providers.Singleton(
        ForwardRuns,
        units=units,
        ledger=ledger,
        hooks=hooks,
        clock=clock,
        random_bytes=providers.Object(os.urandom),
    )
    undos = providers.Singleton(
        UndoService, units=units, storage=storage, ledger=ledger, recovery=recovery, forward=forward
    )
    accepts = providers.Singleton(
        AcceptService, units=units, storage=storage, ledger=ledger, recovery=recovery, forward=forward
    )
    forgets = providers.Singleton(
        ForgetService,
        units=units,
        storage=storage,
        acts=providers.Singleton(Acts, units=units, storage=storage, clock=clock),
        ledger=ledger,
        recovery=recovery,
        filters=filters,
    )
    checks = providers.Singleton(
        CheckService,
        units=units,
        storage=storage,
        recovery=recovery,
        host_reader=providers.Singleton(
            HostReader, units=units, credentials=credentials, transport_for=transport_for
        ),
        clock=clock,
        new_seed=providers.Object(new_seed),
    )
    previews = providers.Singleton(
        PreviewService,
        units=units,
        storage=storage,
        transport_for=transport_for,
        credentials=credentials,
        filters=filters,
    )
    worker = providers.Singleton(
        WitnessedWorker,
        evidence=evidence,
        fence=fence,
        backups=backups,
        restores=restores,
        host_restores=host_restores,
        prunes=prunes,
        passwords=passwords,
        others=providers.Singleton(
            all_steps,
            providers.Singleton(history_steps, undos, accepts, forgets),
            providers.Singleton(check_steps, checks, passwords),
            providers.Singleton(preview_steps, previews, passwords),
        ),
    )
    jobs = providers.Singleton(
        JobService,
        queue=queue,
        units=units,
        restores=restores,
        host_restores=host_restores,
        passwords=passwords,
        bell=bell,
        clock=clock,
        new_id=providers.Object(new_id),
    )
    reach = providers.Singleton(Reach, units=units, queue=queue)
    history = providers.Singleton(
        HistoryService,
        units=units,
        records=bare_storage,
        jobs=jobs,
        undos=undos,
        accepts=accepts,
        forgets=forgets,
    )
    holds = providers.Singleton(HoldService, units=units, storage=storage, recovery=recovery, clock=clock)
    check_jobs = providers.Singleton(CheckJobs, queue=queue, jobs=jobs)
    standings = providers.Singleton(StandingService, units=units, queue=queue, clock=clock)
    metrics = providers.Singleton(
        MetricService, units=units, queue=queue, check_jobs=check_jobs, standings=standings, clock=clock
    )
    scheduler = providers.Singleton(
        Scheduler,
        units=units,
        queue=queue,
        jobs=jobs,
        standings=standings,
        hooks=hooks,
        clock=clock,
        remind_after=providers.Singleton(remind_after, settings),
    )
    presences = providers.Singleton(PresenceService, units=units, clock=clock)
    logins = providers.Singleton(
        HostLogins,
        units=units,
        vault=vault,
        keys=ssh_keys,
        authority=ssh_authority,
        server_name=providers.Singleton(server_name, settings),
    )
    former_hosts = providers.Singleton(FormerHosts, storage=storage, queue=queue)
    hosts = providers.Singleton(
        HostService,
        units=units,
        vault=vault,
        credentials=credentials,
        logins=logins,
        transport_for=transport_for,
        former=former_hosts,
        clock=clock,
    )
    profiles = providers.Singleton(
        ProfileService, units=units, filters=filters, borders=borders, queue=queue, clock=clock
    )
    certificates = providers.Singleton(
        Certificates, home, settings.provided.api.names, clock, evidence.provider
    )
    browse = providers.Singleton(BrowseService, units=units)
    compare = providers.Singleton(CompareService, units=units, storage=storage, filters=filters)
    hasher = providers.Singleton(Argon2Hasher)
    tokens = providers.Singleton(
        witnessed_tokens,
        providers.Singleton(
            JwtTokens, home, bare_vault, lifetime_minutes=settings.provided.security.token_minutes
        ),
        evidence,
    )
    access = providers.Singleton(
        WitnessedAccess, evidence=evidence, units=units, hasher=hasher, vault=vault, clock=clock
    )
    throttles = providers.Singleton(WitnessedThrottles, evidence=evidence, units=units, clock=clock)
    enrolments = providers.Singleton(
        WitnessedEnrolments,
        evidence=evidence,
        units=units,
        hosts=hosts,
        logins=logins,
        throttles=throttles,
        tell=hooks.provided.host_key_refused,
        clock=clock,
        random_bytes=providers.Object(os.urandom),
    )
    device_tokens = providers.Singleton(
        DeviceTokens, units=units, clock=clock, random_bytes=providers.Object(os.urandom)
    )
    second_factors = providers.Singleton(
        WitnessedSecondFactors,
        evidence=evidence,
        units=units,
        vault=vault,
        clock=clock,
        random_bytes=providers.Object(os.urandom),
    )
    sessions = providers.Singleton(
        WitnessedSessions,
        evidence=evidence,
        units=units,
        hasher=hasher,
        tokens=tokens,
        throttles=throttles,
        factors=second_factors,
        clock=clock,
        random_bytes=providers.Object(os.urandom),
        days=settings.provided.security.session_days,
    )
