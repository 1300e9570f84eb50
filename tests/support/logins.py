"""What the server shows hosts, over memory."""

import os

from bck_adapters.clock import SystemClock
from bck_adapters.memory import MemoryDatabase, MemorySshKeys, MemoryVault, SettableClock
from bck_adapters.pki import OpenSshKeys
from bckcore.ports.clock import Clock
from bckcore.ports.ssh_keys import SshKeys
from bckcore.ports.vault import Vault
from bckcore.services.credentials import Credentials
from bckcore.services.ssh_authority import SshAuthority


def memory_authority(
    vault: Vault | None = None,
    *,
    keys: SshKeys | None = None,
    clock: SettableClock | None = None,
    addresses: tuple[str, ...] = (),
) -> SshAuthority:
    """An authority whose keys lie in ``vault``."""
    clock = clock or SettableClock()
    return SshAuthority(
        units=MemoryDatabase(clock).units,
        vault=vault or MemoryVault(),
        keys=keys or MemorySshKeys(),
        clock=clock,
        random_bytes=os.urandom,
        addresses=addresses,
    )


def memory_credentials(vault: Vault | None = None, *, clock: SettableClock | None = None) -> Credentials:
    """Credentials whose secrets lie in ``vault``."""
    vault = vault or MemoryVault()
    return Credentials(vault, memory_authority(vault, clock=clock))


def ssh_authority(addresses: tuple[str, ...] = (), clock: Clock | None = None) -> SshAuthority:
    """An authority whose certificates a real sshd reads."""
    return SshAuthority(
        units=MemoryDatabase(SettableClock()).units,
        vault=MemoryVault(),
        keys=OpenSshKeys(),
        clock=clock or SystemClock(),
        random_bytes=os.urandom,
        addresses=addresses,
    )
