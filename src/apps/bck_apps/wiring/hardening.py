"""What each process of the product needs from the system, and that all else is to be taken from it.

Read by what renders unit files and by the tests; why each line is there, and what breaks without it or with
more, stands in docs/reference/process-hardening.md.
"""

from collections.abc import Mapping, Sequence
from typing import Final

Directive = tuple[str, str]

HOME: Final = "/var/lib/bck"
STORAGE: Final = "/srv/backup"

SERVICE: Final[Sequence[Directive]] = (
    ("User", "backupsvc"),
    ("Group", "backupsvc"),
    ("UMask", "0077"),
    ("StateDirectory", "bck"),
    ("StateDirectoryMode", "0700"),
    ("RuntimeDirectory", "bck"),
    ("RuntimeDirectoryMode", "0700"),
    ("RuntimeDirectoryPreserve", "yes"),
    ("LogsDirectory", "bck"),
    ("LogsDirectoryMode", "0750"),
    ("ReadWritePaths", STORAGE),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("PrivateTmp", "yes"),
    ("PrivateDevices", "yes"),
    ("DevicePolicy", "closed"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectControlGroups", "yes"),
    ("ProtectClock", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectProc", "invisible"),
    ("PrivateIPC", "yes"),
    ("RemoveIPC", "yes"),
    ("NoNewPrivileges", "yes"),
    ("CapabilityBoundingSet", ""),
    ("AmbientCapabilities", ""),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("LockPersonality", "yes"),
    ("MemoryDenyWriteExecute", "yes"),
    ("SystemCallArchitectures", "native"),
    ("SystemCallFilter", "@system-service"),
    ("SystemCallFilter", "~@privileged"),
    ("SystemCallErrorNumber", "EPERM"),
    ("KeyringMode", "private"),
    ("LimitCORE", "1"),
    ("LoadCredentialEncrypted", "bck-vault-key:/etc/credstore.encrypted/bck-vault-key"),
)
"""For `bck serve`, and for any verb of `bck` that a timer starts."""

GATE: Final[Sequence[Directive]] = (
    ("ForceCommand", "/usr/bin/bck-gate"),
    ("AuthenticationMethods", "publickey"),
    ("PermitTTY", "no"),
    ("DisableForwarding", "yes"),
    ("PermitUserRC", "no"),
)
"""For `bck-gate`: sshd starts it on a PC, so sshd's settings are what holds it."""


def service_section(program: str, *, more: Mapping[str, str] | None = None) -> str:
    """The section of a unit file that starts this program under the list."""
    lines = [("ExecStart", program), ("Environment", f"BCK_HOME={HOME}"), *SERVICE, *(more or {}).items()]
    return "\n".join(["[Service]", *(f"{name}={value}" for name, value in lines)]) + "\n"


def match_section(account: str = "backupsvc") -> str:
    """The block of sshd_config on a PC."""
    return "\n".join([f"Match User {account}", *(f"    {name} {value}" for name, value in GATE)]) + "\n"
