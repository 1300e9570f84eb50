"""What each process of the product needs from the system, and that all else is to be taken from it.

For the installation's unit files. Why each line is there, and what breaks without it or with more, stands in
docs/reference/process-hardening.md; tests hold the page and these lists together.
"""

from collections.abc import Sequence
from typing import Final

Directive = tuple[str, str]

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
    ("ReadWritePaths", "/srv/backup"),
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
    ("SystemCallFilter", "landlock_create_ruleset landlock_add_rule landlock_restrict_self"),
    ("SystemCallFilter", "~@privileged"),
    ("SystemCallErrorNumber", "EPERM"),
    ("KeyringMode", "private"),
    ("LimitCORE", "1"),
    ("OOMPolicy", "continue"),
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
