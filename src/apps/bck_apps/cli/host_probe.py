"""What a look at a host found, check by check, up to the one that failed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bck_apps.cli.screen import table
from bckcore.domain.ssh_trust import named_key
from bckcore.domain.transfer import HostFacts
from bckcore.errors import (
    AuthenticationError,
    BckError,
    HostKeyChangedError,
    HostKeyUnknownError,
    HostNotEnrolledError,
    HostUnreachableError,
    RsyncMissingError,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

Check = tuple[str, bool | None, str]
"""What was looked at, how it went (None: not looked at), and what there is to say."""


def fingerprint(host_key: str) -> str:
    """``TYPE SHA256:…`` of a public key, as ssh-keygen -l shows it."""
    return f"{host_key.partition(' ')[0]} {named_key(host_key)}"


def checks_of_facts(facts: HostFacts) -> list[Check]:
    """The checks of a probe that came through."""
    checks: list[Check] = [("answers", True, f"after {facts.latency_ms} ms")]
    if facts.host_key:
        checks += [
            ("is the one we know", True, fingerprint(facts.host_key)),
            ("lets us in", True, ""),
        ]
    if facts.gate:
        checks.append(("is guarded by a gate", True, facts.gate))
    checks.append(("has rsync", True, facts.rsync_version))
    if not facts.sources:
        checks.append(("allowed folders", False, "none: no backup can read anything"))
    return checks + [
        (f"can list {path}", ok, "" if ok else "no such folder, or no right") for path, ok in facts.sources
    ]


def checks_of_error(error: BckError) -> list[Check]:
    """The same checks up to the one that failed; those behind it were not made."""
    names = ("answers", "is the one we know", "lets us in", "has rsync")
    failed_at = {
        HostUnreachableError: 0,
        HostKeyChangedError: 1,
        HostKeyUnknownError: 1,
        HostNotEnrolledError: 1,
        AuthenticationError: 2,
        RsyncMissingError: 3,
    }
    place = failed_at.get(type(error))
    if place is None:
        return [("probe", False, error.what)]
    before: list[Check] = [(name, True, "") for name in names[:place]]
    after: list[Check] = [(name, None, "not looked at") for name in names[place + 1 :]]
    return [*before, (names[place], False, error.what), *after]


def checks_document(host: str, checks: Sequence[Check]) -> dict[str, object]:
    """What `--json` shows of them."""
    return {
        "host": host,
        "ok": all(ok for _, ok, _ in checks),
        "checks": [{"name": name, "ok": ok, "detail": detail} for name, ok, detail in checks],
    }


def checks_table(checks: Sequence[Check]) -> "RenderableType":
    """What a person sees of them."""
    words = {True: "ok", False: "BAD", None: "-"}
    rows = ((name, words[ok], detail) for name, ok, detail in checks)
    return table(("CHECK", "RESULT", "DETAIL"), rows, empty="")
