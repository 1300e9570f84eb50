"""Enrolments and what they rest on, over memory adapters or a real database; the audit log included."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from bck_adapters.memory import MemoryDatabase, MemorySshKeys, MemoryVault, SettableClock
from bck_adapters.memory.audit import MemoryHeadKeeper
from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bck_adapters.storage_fs import FsStorage
from bckcore.domain.audit import Action, Outcome
from bckcore.domain.enrolment import ShownByHost
from bckcore.domain.events import HostKeyRefused
from bckcore.domain.ids import HostId
from bckcore.domain.secret import Secret
from bckcore.domain.session import Caller
from bckcore.plugins.registry import Database
from bckcore.services.credentials import Credentials
from bckcore.services.enrolments import Enrolled, OpenedEnrolment
from bckcore.services.evidence import Evidence, Witness
from bckcore.services.former_host import FormerHosts
from bckcore.services.host_login import HostLogins
from bckcore.services.hosts import HostChange, HostService
from bckcore.services.ssh_authority import SshAuthority
from bckcore.services.throttles import Throttles
from bckcore.services.witnessed import witnessed_units
from bckcore.services.witnesses import WitnessedEnrolments
from tests.support.remote import RemoteTransport
from tests.support.sshd import new_key

PC1, PC2 = HostId("pc1"), HostId("pc2")
CA = "ab" * 32
THERE = Caller(address="192.0.2.50", client="bck-gate")
HOST_KEYS = (new_key().public, new_key(ecdsa=True).public)
OTHER_KEYS = (new_key().public, new_key(ecdsa=True).public)
SHOWN = ShownByHost(host_keys=HOST_KEYS, gate_command="/opt/bck-gate", rsync="3.2.7", gate="1.0")


class Counter:
    """One server at which PCs are enrolled."""

    def __init__(
        self, clock: SettableClock | None = None, database: Callable[[SettableClock], Database] | None = None
    ) -> None:
        self.clock = clock or SettableClock(auto_advance=False)
        made = database(self.clock) if database else MemoryDatabase(self.clock).as_database()
        witness = Witness(clock=self.clock, head=MemoryHeadKeeper())
        self.units = units = witnessed_units(made.units, witness)
        self.evidence = Evidence(units=units, witness=witness)
        storage = FsStorage(Path("/nonexistent/storage"))
        self.vault, keys = MemoryVault(), MemorySshKeys()
        self.told: list[HostKeyRefused] = []
        self.pcs = {PC1: MemoryHost(host_keys=HOST_KEYS), PC2: MemoryHost(host_keys=OTHER_KEYS)}
        transports = {"rsync-ssh": RemoteTransport(self.pcs), "local": MemoryTransport(self.pcs)}
        authority = SshAuthority(
            units=units, vault=self.vault, keys=keys, clock=self.clock, random_bytes=os.urandom
        )
        self.logins = HostLogins(
            units=units, vault=self.vault, keys=keys, authority=authority, server_name="the server"
        )
        self.credentials = Credentials(self.vault, authority)
        self.hosts = HostService(
            units=units,
            vault=self.vault,
            credentials=self.credentials,
            logins=self.logins,
            transport_for=lambda host: transports[host.transport],
            former=FormerHosts(storage=storage, queue=made.queue),
            clock=self.clock,
        )
        self.enrolments = WitnessedEnrolments(
            evidence=self.evidence,
            units=units,
            hosts=self.hosts,
            logins=self.logins,
            throttles=Throttles(units=units, clock=self.clock),
            tell=self.told.append,
            clock=self.clock,
            random_bytes=os.urandom,
        )

    def open(
        self, host: HostId = PC1, *, minutes: int = 15, replacing: bool = False, **change: object
    ) -> OpenedEnrolment:
        """A fresh token."""
        return self.enrolments.open(
            host,
            HostChange(**change),  # type: ignore[arg-type]  # fields of it
            ca_sha256=CA,
            created_by="ann",
            minutes=minutes,
            replace_host_key=replacing,
        )

    def redeem(
        self, token: OpenedEnrolment | Secret[str], shown: ShownByHost = SHOWN, caller: Caller = THERE
    ) -> Enrolled:
        """A PC redeems it."""
        text = token.text if isinstance(token, OpenedEnrolment) else token
        return self.enrolments.redeem(text, shown, caller)

    def entered(self, *actions: Action) -> list[tuple[Action, Outcome, dict[str, str]]]:
        """What the audit log has of these actions."""
        deeds = [entry.deed for entry in self.evidence.entries()]
        return [(deed.action, deed.outcome, dict(deed.about)) for deed in deeds if deed.action in actions]
