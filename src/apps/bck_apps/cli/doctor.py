"""`bck doctor`: look at the whole installation, change nothing, name what is bad."""

import os
import re
import stat
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.queue import runner_finding, runner_of
from bck_apps.cli.screen import Json, say, show, table
from bck_apps.cli.session import opened
from bck_apps.cli.status import FAILED
from bckcore.domain.wording import counted
from bckcore.errors import BckError
from bckcore.ports.storage import StorageFinding

if TYPE_CHECKING:
    from bck_apps.wiring import Application
    from bckcore.domain.access import User
    from bckcore.ports.storage import Storage

LEAST_RSYNC = (3, 2, 3)
"""The first with --modify-window=-1, digests in the log and all else that the transport asks for."""
MOST_FAULTS = 10
ADD_ADMIN = "bck user add NAME --role admin"
_TOOL_SECONDS = 10
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


def doctor(
    security: Annotated[
        bool, typer.Option("--security", help="Look at every line of the security checklist instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look at storage, database, tools and certificates. Exit status 1 if something is bad."""
    from bck_apps.cli.doctor_security import security_findings

    with opened() as application:
        findings = (
            security_findings(application)
            if security
            else [*application.doctor(), *_own_findings(application)]
        )
    document = {
        "ok": all(finding.ok for finding in findings),
        "items": [
            {"name": one.name, "ok": one.ok, "level": one.level, "detail": one.detail} for one in findings
        ],
    }
    rows = [(one.name, one.level if one.ok else "BAD", _told_once(one, findings)) for one in findings]
    show(as_json, document, lambda: table(("CHECK", "RESULT", "DETAIL"), rows, empty=""))
    if bad := [one.name for one in findings if not one.ok]:
        say(f"Needs attention: {', '.join(bad)}.")
        raise typer.Exit(FAILED)


def _told_once(finding: StorageFinding, findings: Sequence[StorageFinding]) -> str:
    """The detail, or the name of the earlier line that has the same: one cause has one text."""
    first = next(one for one in findings if one.detail == finding.detail)
    return finding.detail if finding.ok or first is finding else f"as '{first.name}' above"


def _own_findings(application: "Application") -> Sequence[StorageFinding]:
    told = _wanted_channels(application) or application.notices.channels
    return (
        tool_finding("rsync", ["rsync", "--version"], least=LEAST_RSYNC),
        _tried("known holes", application.rsync_standing),
        tool_finding("ssh", ["ssh", "-V"]),
        _tried("database", lambda: _database(application)),
        _tried("queue", lambda: _queue(application)),
        _tried("runner", lambda: _runner(application)),
        _tried("ways into hosts", lambda: _ways_in(application)),
        _tried("accounts", lambda: accounts_finding(application.access.users())),
        _tried("receipts", lambda: receipts_finding(application.storage)),
        _tried("histories", lambda: _histories(application)),
        _tried("strays", lambda: _strays(application)),
        _tried("certificates", lambda: certificates_finding(application)),
        *([_tried("messages to people", lambda: messages_finding(application))] if told else []),
    )


def tool_finding(name: str, command: Sequence[str], *, least: tuple[int, ...] = ()) -> StorageFinding:
    """Whether a program is there and new enough."""
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_TOOL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as exc:
        return StorageFinding(name=name, ok=False, detail=f"cannot be started ({exc}); install it")
    first = (done.stdout + done.stderr).decode("utf-8", "replace").partition("\n")[0]
    first = " ".join(first.split())
    found = _VERSION.search(first)
    version = tuple(int(part or 0) for part in found.groups()) if found else ()
    ok = done.returncode == 0 and version >= least
    wanted = "" if version >= least else f"; at least {'.'.join(map(str, least))} is needed"
    return StorageFinding(name=name, ok=ok, detail=first + wanted)


def _tried(name: str, look: Callable[[], tuple[bool, str]]) -> StorageFinding:
    try:
        ok, detail = look()
    except BckError as error:
        return StorageFinding(name=name, ok=False, detail=str(error))
    return StorageFinding(name=name, ok=ok, detail=detail)


def _database(application: "Application") -> tuple[bool, str]:
    from bckcore.errors import DatabaseDamagedError

    if damage := application.database_damage():
        raise DatabaseDamagedError(f"The database is damaged: {damage}.")
    with application.units(read_only=True) as uow:
        hosts, profiles = len(uow.hosts.list()), len(uow.profiles.list())
    state = application.database_state()
    held = f"{counted(hosts, 'host')}, {counted(profiles, 'profile')}"
    told = f"whole; {held} in {state.address} ({state.kind} {state.version})"
    return not state.warnings, "; ".join((told, *state.warnings))


def _queue(application: "Application") -> tuple[bool, str]:
    state = application.queue_state()
    return state.ok, state.detail


def _runner(application: "Application") -> tuple[bool, str]:
    waiting = application.jobs_by_node()
    unfinished = waiting.get(application.settings.queue.node, 0) + waiting.get("", 0)
    return runner_finding(runner_of(application), unfinished)


def accounts_finding(users: "Sequence[User]") -> tuple[bool, str]:
    """Whether anybody can sign in and give others rights."""
    from bckcore.domain.access import Role

    if any(user.role is Role.ADMIN for user in users):
        return True, f"{len(users)}, administrators among them"
    have = "no administrator among them" if users else "none: nobody can sign in"
    return False, f"{have}. Add one: {ADD_ADMIN}"


def receipts_finding(storage: "Storage") -> tuple[bool, str]:
    """Whether receipts and acts of every profile are whole; manifests are left to `bck check`."""
    from bckcore.services.chain import chain_findings

    faults, refs = [], storage.profiles()
    for ref in refs:
        found = chain_findings(storage, ref, manifests=False)
        faults += [f"{ref.profile} on {ref.host}: {finding.text}" for finding in found]
    if not faults:
        return True, f"of {counted(len(refs), 'profile')}, whole and chained"
    more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
    advice = "Bring .receipts back from a copy of the storage; see 'bck catalog rebuild --help'."
    return False, f"{'; '.join(faults[:MOST_FAULTS])}{more}. {advice}"


def _ways_in(application: "Application") -> tuple[bool, str]:
    """Whether the vault has what each host's login needs: without it, every backup fails.

    What a credential of the service seals cannot be opened here, and is no fault.
    """
    from bckcore.errors import StorageError

    try:
        lost = application.container.credentials().lost(application.hosts.list())
    except StorageError as error:
        return True, f"not looked at. {error.what} If the service has no credential for it: {error.advice}"
    if not lost:
        return True, "the vault has every key and password that it keeps for them"
    more = f" And {len(lost) - MOST_FAULTS} more." if len(lost) > MOST_FAULTS else ""
    return False, " ".join(f"{one.what} {one.advice}." for one in lost[:MOST_FAULTS]) + more


def _histories(application: "Application") -> tuple[bool, str]:
    from bckcore.services.kinship import Kinship

    unknown = Kinship(units=application.units, storage=application.storage).unknown()
    if not unknown:
        return True, "all in the storage are known to this database"
    names = ", ".join(f"{ref.profile} on {ref.host}" for ref in unknown[:MOST_FAULTS])
    more = f" and {len(unknown) - MOST_FAULTS} more" if len(unknown) > MOST_FAULTS else ""
    total = counted(len(unknown), "history", "histories")
    are = "is" if len(unknown) == 1 else "are"
    advice = "If this is their server: bck catalog rebuild. If it is not, two servers share this storage."
    return False, f"{total} in the storage {are} not known to this database: {names}{more}. {advice}"


def _strays(application: "Application") -> tuple[bool, str]:
    from bckcore.domain.paths import display
    from bckcore.services.strays import StrayCheck

    found = StrayCheck(units=application.units, storage=application.storage).find()
    aside = application.storage.runs_aside()
    kept = f"; harmed files lie below .work/aside, set aside by backups (runs: {aside})" if aside else ""
    if not found:
        return True, f"nothing in the storage is without a profile or its receipts{kept}"
    names = ", ".join(display(one.path) for one in found[:MOST_FAULTS])
    more = f" and {len(found) - MOST_FAULTS} more" if len(found) > MOST_FAULTS else ""
    return False, f"{names}{more}: {found[0].detail}. {found[0].cause.advice}{kept}"


def certificates_finding(application: "Application") -> tuple[bool, str]:
    """How long they are valid, and whether anybody else can read their keys."""
    facts, now = application.certificates.facts(), application.clock.now()
    shared = shared_files(application.home / "tls", _is_key)
    if shared:
        return False, f"others can read {', '.join(shared)}"
    told = f"CA until {facts.ca_valid_until:%Y-%m-%d}, server until {facts.valid_until:%Y-%m-%d}"
    worry = facts.worry(now)
    return not worry, f"{told}; {worry}" if worry else told


def _wanted_channels(application: "Application") -> list[str]:
    """Channels of ours that the settings want."""
    settings = application.settings
    wanted = {"mail": bool(settings.mail.server), "webhook": settings.webhook.enabled}
    return [name for name, want in wanted.items() if want]


def messages_finding(application: "Application") -> tuple[bool, str]:
    """Whether the channels in use take messages."""
    from bck_apps.cli.notify import state_text

    notices = application.notices
    missing = [name for name in _wanted_channels(application) if name not in notices.channels]
    texts = [state_text(one) for one in notices.report()]
    texts += [f"{name}: wanted, and no plugin offers it: bck plugins." for name in missing]
    bad = missing or any(one.state.failures or one.state.given_up for one in notices.report())
    return not bad, " ".join(texts)


def shared_files(folder: Path, wanted: Callable[[Path], bool]) -> list[str]:
    """The wanted files in it, at any depth, that others can read. What vanishes meanwhile is nobody's."""
    found = []
    for place, _, names in os.walk(folder):
        for path in filter(wanted, (Path(place, name) for name in names)):
            with suppress(FileNotFoundError):
                mode = path.stat().st_mode
                if stat.S_ISREG(mode) and mode & 0o077:
                    found.append(str(path))
    return sorted(found)


def _is_key(path: Path) -> bool:
    return path.name.endswith((".key", "key.pem"))
