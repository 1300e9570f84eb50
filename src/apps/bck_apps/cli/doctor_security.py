"""`bck doctor --security`: each line of the security checklist, looked at on this installation.

The lines, what they are for and what to do about them stand in docs/reference/security-checklist.md.
"""

import os
import stat
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bck_apps.cli.doctor import certificates_finding, shared_files
from bck_apps.cli.shield import shielded
from bckcore.domain.host_path import parsed_path
from bckcore.domain.login import Login
from bckcore.domain.wording import counted
from bckcore.errors import BckError, NotFoundError, StorageError
from bckcore.ports.storage import StorageFinding

if TYPE_CHECKING:
    from bck_apps.wiring import Application
    from bckcore.domain.host import Host

LONGEST_TOKEN = timedelta(days=400)
LONGEST_ENROLMENT = timedelta(hours=1)
_MOST_NAMED = 10
Looked = tuple[bool | None, str]
"""Whether it is as it should be, and what was found. None: a remark, neither good nor surely to be mended."""


def security_findings(application: "Application") -> list[StorageFinding]:
    """Every line of the checklist, in its order. Raises nothing: what cannot be looked at is bad."""
    return [_looked_at(name, look, application) for name, look in CHECKLIST.items()]


def _looked_at(
    name: str, look: "Callable[[Application], Looked]", application: "Application"
) -> StorageFinding:
    try:
        ok, detail = look(application)
    except (BckError, OSError) as error:
        return StorageFinding(name=name, ok=False, detail=str(error))
    return StorageFinding(name=name, ok=ok is not False, detail=detail, remark=ok is None)


def _not_root(_application: "Application") -> Looked:
    if os.geteuid() == 0:
        return False, "this is root; run every part as an account of its own, such as backupsvc"
    return True, f"user {os.geteuid()}"


def _private_folders(application: "Application") -> Looked:
    folders = (application.home, Path(application.settings.storage.root))
    open_ones = [f"{one} has mode {_mode(one):03o}" for one in folders if _mode(one) & 0o077]
    return not open_ones, "; ".join(open_ones) or "home and storage are open to nobody else"


def _secret_files(application: "Application") -> Looked:
    home = application.home

    def secret(path: Path) -> bool:
        """It holds keys, passwords or the database."""
        public = path.relative_to(home).parts[0] == "tls" and not path.name.endswith("key.pem")
        return not public and not path.is_symlink()

    shared = shared_files(home, secret)
    return not shared, f"others can read {_named(shared)}" if shared else "nobody else can read them"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _runtime_folder(application: "Application") -> Looked:
    from bck_apps.wiring.private_folder import in_memory

    folder = application.runtime_dir
    if in_memory(folder):
        return True, f"keys are opened in memory, below {folder.parent}"
    return False, f"keys are opened on the disk, in {folder.parent}: give bck a folder in memory"


def _database_password(application: "Application") -> Looked:
    from urllib.parse import urlsplit

    if urlsplit(application.settings.database.url).password:
        return False, "database.url holds a password; use database.password_ref or password_file"
    return True, "no password stands in the settings"


def _administrators(application: "Application") -> Looked:
    from bckcore.domain.access import Role

    admins = [user for user in application.access.users() if user.role is Role.ADMIN]
    bare = [user.name for user in admins if not user.needs_code]
    if not admins:
        return False, "there is none: bck user add NAME --role admin"
    if bare:
        return False, f"without a second factor: {_named(bare)}; bck user totp NAME"
    return True, f"{counted(len(admins), 'administrator')}, all with a second factor"


def _device_tokens(application: "Application") -> Looked:
    now = application.clock.now()
    alive = [token for token in application.device_tokens.list() if token.alive(now)]
    long = [f"{token.name} of {token.host}" for token in alive if token.expires - now > LONGEST_TOKEN]
    if long:
        return False, f"valid for more than {LONGEST_TOKEN.days} days: {_named(long)}"
    return True, f"{len(alive)} in use, each for one PC"


def _enrolments(application: "Application") -> Looked:
    now, found = application.clock.now(), application.container.enrolments().open_now()
    long = [token.host for token in found if token.expires - now > LONGEST_ENROLMENT]
    if long:
        return False, f"open for more than an hour yet: {_named(long)}; bck host enrol NAME --revoke"
    return True, f"{len(found)} open" if found else "none is open"


def _pinned_hosts(application: "Application") -> Looked:
    known = [host for host in application.hosts.list() if not host.awaits_enrolment]
    hosts = [host for host in known if host.address]
    loose = [host.id for host in hosts if not host.host_keys]
    if loose:
        return False, f"no host key is pinned for {_named(loose)}: bck host enrol NAME"
    return True, f"host keys of {counted(len(hosts), 'PC')} are pinned"


def _own_keys(application: "Application") -> Looked:
    vault = application.container.vault()
    keys: Counter[str] = Counter()
    for host in application.hosts.list():
        if host.key is not None and host.login.keeps_key:
            try:
                with suppress(NotFoundError):  # told as a way into a host that is lost
                    keys[vault.get(host.key).reveal()] += 1
            except StorageError as error:
                return None, f"not looked at, for only the service can open them: {error.what}"
    if shared := sum(number for number in keys.values() if number > 1):
        return False, f"{counted(shared, 'PC')} share a key with another; give each its own"
    return True, "no two PCs share one"


def _logins(application: "Application") -> Looked:
    """Bad is what an administrator can mend on every PC; what may have to be so is a remark."""
    from bckcore.domain.host_platform import Platform

    hosts = [host for host in application.hosts.list() if host.address and not host.awaits_enrolment]
    kept = [host.id for host in hosts if host.key is not None and not host.login.keeps_key]
    ungated = [host for host in hosts if not host.gate]
    windows = [host.id for host in ungated if host.platform is Platform.WINDOWS]
    open_ones = [host.id for host in ungated if host.id not in windows]
    bad = _sentences(
        (kept, "the password is kept of {}: bck host set NAME --login certificate"),
        (open_ones, "without a gate whoever takes this server over may run any program on {}: bck-gate"),
    )
    anywhere = (
        [] if application.settings.ssh.source_addresses else [host.id for host in hosts if _signs(host)]
    )
    remarks = _sentences(
        (anywhere, "keys and certificates count from any address on {}: set ssh.source_addresses"),
        (windows, "no gate is there for Windows yet: the account of {} should do no more than read"),
    )
    counts = Counter(host.login.value for host in hosts)
    told = ", ".join(f"{number} by {login}" for login, number in sorted(counts.items())) or "no PC yet"
    return False if bad else None if remarks else True, "; ".join((*bad, told, *remarks))


def _sentences(*found: tuple[Sequence[str], str]) -> list[str]:
    return [sentence.format(_named(names)) for names, sentence in found if names]


def _signs(host: "Host") -> bool:
    """It is entered with a key or a certificate, which can be bound to addresses."""
    return host.login is Login.CERTIFICATE or host.login.keeps_key


def _narrow_roots(application: "Application") -> Looked:
    wide = [host.id for host in application.hosts.list() if _may_read_all(host)]
    return not wide, f"everything may be read of {_named(wide)}" if wide else "none is the whole disk"


def _may_read_all(host: "Host") -> bool:
    return any(parsed_path(root, host.platform).whole_disk for root in host.allowed_roots)


def _own_folders(application: "Application") -> Looked:
    borders, hosts = application.container.borders(), application.hosts.list()
    told = [f"{host.id} ({', '.join(found)})" for host in hosts if (found := borders.crossed(host))]
    if told:
        return False, (
            f"the allow-list covers, or lies in, this server's own folders: {_named(told)}. Nothing of those "
            "is read or written; allow the folders beside them: bck host set NAME --allow PATH"
        )
    return True, "no host is allowed this server's storage, keys or database"


def _quotas(application: "Application") -> Looked:
    hosts = application.hosts.list()
    free = [host.id for host in hosts if host.quota_bytes is None]
    if free:
        return False, f"could fill the storage: {_named(free)}; bck host set NAME --quota SIZE"
    return True, f"{counted(len(hosts), 'PC')}, each with a limit"


def _no_known_holes(application: "Application") -> Looked:
    return application.rsync_holes()


def _displaced_held(application: "Application") -> Looked:
    if application.displaced_held():
        return True, "the kernel keeps good copies from being overwritten (Landlock)"
    return False, (
        "a PC that was taken over can have good copies overwritten, by sending a file twice: there is no "
        "Landlock here. It takes Linux 5.19, with landlock in its list of security modules, and a service "
        "manager that lets its calls through"
    )


def _audit_log(application: "Application") -> Looked:
    proof = application.evidence.proof()
    if not proof.ok:
        return False, f"it was altered. {proof.breaks[0].sentence} bck audit verify tells more"
    entries = counted(proof.entries, "entry", "entries")
    if not proof.proven:
        return False, (
            f"{entries}, but no newest one is remembered: an end that was cut off would not show. Find out "
            "who took audit.head away, and give an entry that was noted elsewhere: bck audit verify --head. "
            "Where you know why it is gone, restart 'bck serve': its start is remembered"
        )
    return True, f"{entries}, whole"


def _sealed_passwords(application: "Application") -> Looked:
    queue = application.queue
    left, waiting = queue.count_sealed(final=True), queue.count_sealed(final=False)
    if left:
        return False, f"still held by {counted(left, 'job')} that is over; report it, this must not happen"
    return True, f"none is held by a job that is over; {waiting} wait"


def _core_dumps(_application: "Application") -> Looked:
    if shielded():
        return True, "none is written"
    return (
        False,
        "a crash may write secrets to disk: start bck by its own name, and set LimitCORE=1 or ulimit -c 1",
    )


def _logs(application: "Application") -> Looked:
    name = application.settings.logging.file
    if not name:
        return True, "they go to standard error, where the service manager keeps them"
    files = sorted(Path(name).parent.glob(f"{Path(name).name}*"))
    open_ones = [f"{one} has mode {_mode(one):03o}" for one in files if _mode(one) & 0o137]
    return not open_ones, "; ".join(open_ones) or f"{name}: for the account and its group alone"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


CHECKLIST: "dict[str, Callable[[Application], Looked]]" = {
    "not root": _not_root,
    "private folders": _private_folders,
    "secret files": _secret_files,
    "runtime folder": _runtime_folder,
    "database password": _database_password,
    "sealed passwords": _sealed_passwords,
    "core dumps": _core_dumps,
    "logs": _logs,
    "administrators": _administrators,
    "device tokens": _device_tokens,
    "enrolments": _enrolments,
    "certificate": certificates_finding,
    "pinned hosts": _pinned_hosts,
    "own keys": _own_keys,
    "logins": _logins,
    "narrow folders": _narrow_roots,
    "own folders": _own_folders,
    "quotas": _quotas,
    "known holes": _no_known_holes,
    "displaced copies": _displaced_held,
    "audit log": _audit_log,
}
