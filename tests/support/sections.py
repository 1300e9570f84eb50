"""The lists of `bck_apps.wiring.hardening` as systemd and sshd read them."""

from __future__ import annotations

from collections.abc import Mapping

from bck_apps.wiring.hardening import GATE, SERVICE


def service_section(program: str, *, more: Mapping[str, str] | None = None) -> str:
    """The section of a unit file that starts this program under the list."""
    lines = [
        ("ExecStart", program),
        ("Environment", "BCK_HOME=/var/lib/bck"),
        *SERVICE,
        *(more or {}).items(),
    ]
    return "\n".join(["[Service]", *(f"{name}={value}" for name, value in lines)]) + "\n"


def match_section(account: str = "backupsvc") -> str:
    """The block of sshd_config on a PC."""
    return "\n".join([f"Match User {account}", *(f"    {name} {value}" for name, value in GATE)]) + "\n"
