"""Verbs about hosts: add, set, list, show, probe, remove."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.documents import error_document, host_document
from bck_apps.cli.enrolment import open_until, state_text
from bck_apps.cli.given import require_path
from bck_apps.cli.host_login import (
    ForgetPassword,
    GateOption,
    LoginOption,
    PasswordStdin,
    login_text,
    password_of,
    probe_command,
    tell_next_step,
)
from bck_apps.cli.host_options import (
    Allow,
    HostKey,
    NewAllow,
    NewHostKey,
    NewOwner,
    NewPlatform,
    NewTrust,
    Owner,
    PlatformOption,
    TakeOver,
    Trust,
    pinned,
)
from bck_apps.cli.host_password import HostPasswordStdin, sent_password
from bck_apps.cli.host_probe import (
    checks_document,
    checks_of_error,
    checks_of_facts,
    checks_table,
    fingerprint,
)
from bck_apps.cli.host_quota import Quota, QuotaFiles, quota_bytes, quota_text
from bck_apps.cli.keys import read_private_key
from bck_apps.cli.screen import Json, fields, say, show, show_error, table
from bck_apps.cli.session import opened
from bck_apps.cli.status import PARTIAL, status_of_error
from bckcore.domain.host import Host, Platform
from bckcore.domain.host_path import typed_paths
from bckcore.domain.ids import HostId
from bckcore.domain.login import Login
from bckcore.domain.secret import Secret
from bckcore.errors import BckError, InvalidInputError
from bckcore.services.hosts import HostChange

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import RenderableType

app = typer.Typer(help="The machines whose files are protected.", no_args_is_help=True)
HostArgument = Annotated[str, typer.Argument(metavar="HOST", help="Name of the host.")]


@app.command("add")
def add(  # noqa: PLR0917  # typer wants one parameter per option
    name: Annotated[str, typer.Argument(metavar="NAME", help="Short name, for example pc1.")],
    address: Annotated[str, typer.Option(help="DNS name or IP address.")] = "",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="SSH port.")] = 22,
    user: Annotated[str, typer.Option(help="The backup account on the host.")] = "backupsvc",
    key: Annotated[str | None, typer.Option(metavar="FILE", help="Private key without pass phrase.")] = None,
    login: LoginOption = None,
    gate: GateOption = None,
    password_stdin: PasswordStdin = False,
    allow: Allow = None,
    host_key: HostKey = None,
    trust_on_first_use: Trust = False,
    transport: Annotated[str, typer.Option(help="How it is reached; see 'bck plugins'.")] = "rsync-ssh",
    platform: PlatformOption = Platform.POSIX,
    quota: Quota = None,
    quota_files: QuotaFiles = None,
    owner: Owner = None,
    take_over_history: TakeOver = False,
    as_json: Json = False,
) -> None:
    """Make a host known, with its key and the folders that may be read."""
    secret, warning = _key_of(key)
    host = Host(
        id=HostId(name),
        address=address,
        port=port,
        user=user,
        gate=gate or "",
        transport=transport,
        platform=platform,
        host_keys=pinned(host_key, trust_on_first_use=trust_on_first_use),
        allowed_roots=typed_paths(allow or (), platform),
        quota_bytes=quota_bytes(quota) or None,
        quota_inodes=quota_files or None,
        owners=tuple(dict.fromkeys(owner or ())),
    )
    password = password_of(from_stdin=password_stdin)
    with opened() as application:
        saved = application.hosts.add(
            host,
            login=login,
            key=secret,
            password=password,
            trust_on_first_use=trust_on_first_use,
            take_over_history=take_over_history,
        )
        own = application.container.borders().advice(saved)
    _warn(warning)
    _warn(own)
    _tell_added(saved, trusted=trust_on_first_use, as_json=as_json)


def _key_of(file: str | None) -> tuple[Secret[str] | None, str]:
    """The private key, if a file is given, and a warning about the file."""
    return (None, "") if file is None else read_private_key(Path(require_path(file, "--key")))


def _warn(sentence: str) -> None:
    if sentence:
        say(f"warning: {sentence}")


def _tell_added(saved: Host, *, trusted: bool, as_json: bool) -> None:
    if not saved.allowed_roots:
        say(_nothing_allowed(saved.id))
    show(as_json, host_document(saved), lambda: _host_view(saved))
    tell_next_step(saved)
    if trusted and saved.host_keys:
        _ask_to_compare(saved, as_json=as_json)
    say(f"Nothing was tried yet. See whether a backup would work: {probe_command(saved)}")


def _ask_to_compare(host: Host, *, as_json: bool) -> None:
    """Trust that was given blindly is worth a look at the machine; under --json the view is not shown."""
    if as_json:
        say("\n".join(f"host key: {fingerprint(key)}" for key in host.host_keys))
    say(f"Compare it with what {host.id} shows: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")


@app.command("set")
def set_host(  # noqa: PLR0917  # typer wants one parameter per option
    host: HostArgument,
    address: Annotated[str | None, typer.Option(help="DNS name or IP address.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="SSH port.")] = None,
    user: Annotated[str | None, typer.Option(help="The backup account on the host.")] = None,
    key: Annotated[str | None, typer.Option(metavar="FILE", help="Another private key.")] = None,
    login: LoginOption = None,
    gate: GateOption = None,
    password_stdin: PasswordStdin = False,
    forget_password: ForgetPassword = False,
    allow: NewAllow = None,
    host_key: NewHostKey = None,
    trust_on_first_use: NewTrust = False,
    platform: NewPlatform = None,
    quota: Quota = None,
    quota_files: QuotaFiles = None,
    owner: NewOwner = None,
    no_owner: Annotated[bool, typer.Option("--no-owner", help="It belongs to nobody.")] = False,
    as_json: Json = False,
) -> None:
    """Change a host: only what is given. Compare the fingerprint at the machine before you pin a new key."""
    if no_owner and owner:
        raise InvalidInputError("Give --owner or --no-owner, not both.")
    change = HostChange(
        owners=() if no_owner else tuple(owner) if owner else None,
        address=address,
        port=port,
        user=user,
        login=login,
        gate=gate,
        platform=platform,
        allowed_roots=tuple(allow) if allow else None,
        host_keys=pinned(host_key, trust_on_first_use=trust_on_first_use) or None,
        quota_bytes=quota_bytes(quota),
        quota_inodes=quota_files,
    )
    password = password_of(from_stdin=password_stdin, forget=forget_password)
    if change == HostChange() and key is None and password is None and not trust_on_first_use:
        raise InvalidInputError("Nothing was given that could be changed.", advice="See bck host set --help")
    secret, warning = _key_of(key)
    with opened() as application:
        before = application.hosts.get(HostId(host))
        saved = application.hosts.change(
            before.id, change, key=secret, password=password, trust_on_first_use=trust_on_first_use
        )
        own = application.container.borders().advice(saved)
    _warn(warning)
    _warn(own)
    _tell_set(before, saved, forgotten=forget_password, as_json=as_json)


def _tell_set(before: Host, saved: Host, *, forgotten: bool, as_json: bool) -> None:
    if forgotten and saved.login is not Login.PASSWORD:
        say(f"No password is kept for {saved.id}: it is entered by {saved.login.value}.")
    _tell_changed_keys(before, saved)
    if saved.login is not before.login:
        tell_next_step(saved)
    show(as_json, host_document(saved), lambda: _host_view(saved))


def _tell_changed_keys(before: Host, after: Host) -> None:
    if before.host_keys != after.host_keys:
        old, new = (", ".join(map(fingerprint, one.host_keys)) or "none" for one in (before, after))
        say(f"warning: The pinned host key of {after.id} was {old}; now it is {new}.")


def _host_view(host: Host, until: "datetime | None" = None) -> "RenderableType":
    return fields(
        (
            ("host", host.id),
            ("address", f"{host.user}@{host.address} port {host.port}" if host.address else ""),
            ("reached by", host.transport),
            ("allowed", "\n".join(host.allowed_roots) or "nothing yet: give --allow PATH"),
            ("belongs to", ", ".join(host.owners) or "nobody"),
            ("host keys", "\n".join(map(fingerprint, host.host_keys))),
            ("let in by", login_text(host)),
            ("gate", host.gate),
            ("quota", quota_text(host)),
            ("state", state_text(host, until)),
        )
    )


@app.command("list")
def list_hosts(as_json: Json = False) -> None:
    """List all hosts."""
    with opened() as application:
        found, until = application.hosts.list(), open_until(application)
    document = {"items": [host_document(host, until.get(host.id)) for host in found]}
    show(as_json, document, lambda: _hosts_table(found, until))


def _hosts_table(found: Sequence[Host], until: "Mapping[HostId, datetime]") -> "RenderableType":
    heads = ("HOST", "ADDRESS", "PORT>", "USER", "BY", "ALLOWED", "STATE")
    rows = (
        (
            host.id,
            host.address,
            host.port,
            host.user,
            host.transport,
            ", ".join(host.allowed_roots),
            state_text(host, until.get(host.id)),
        )
        for host in found
    )
    return table(heads, rows, empty="There are no hosts.")


@app.command("show")
def show_host(host: HostArgument, as_json: Json = False) -> None:
    """Show one host."""
    with opened() as application:
        found, until = application.hosts.get(HostId(host)), open_until(application).get(HostId(host))
    show(as_json, host_document(found, until), lambda: _host_view(found, until))


@app.command("remove")
def remove(host: HostArgument, as_json: Json = False) -> None:
    """Forget a host and its private key. Its backups stay in storage."""
    with opened() as application:
        application.hosts.remove(HostId(host))
    show(as_json, {"removed": host}, lambda: fields((("removed", host),)))


@app.command("probe")
def probe(host: HostArgument, password_stdin: HostPasswordStdin = False, as_json: Json = False) -> None:
    """Connect to a host and look whether a backup would work; changes nothing, keeps no password."""
    password = sent_password(from_stdin=password_stdin)
    with opened() as application:
        application.hosts.get(HostId(host))
        try:
            facts = application.hosts.probe(HostId(host), password)
        except BckError as error:
            _probe_failed(host, error, as_json=as_json)
            raise typer.Exit(status_of_error(error)) from error
    checks = checks_of_facts(facts)
    extra = {"rsync_version": facts.rsync_version, "latency_ms": facts.latency_ms, "gate": facts.gate}
    show(as_json, {**checks_document(host, checks), **extra}, lambda: checks_table(checks))
    if not facts.sources:
        say(_nothing_allowed(host))
    elif not all(listed for _, listed in facts.sources):
        say("Some folders cannot be listed: give the backup account the right to read them.")
    if not all(ok for _, ok, _ in checks):
        raise typer.Exit(PARTIAL)


def _nothing_allowed(host: str) -> str:
    return f"warning: Nothing of {host} may be read yet: bck host set {host} --allow PATH"


def _probe_failed(host: str, error: BckError, *, as_json: bool) -> None:
    checks = checks_of_error(error)
    document = {**checks_document(host, checks), **error_document(error)}
    show(as_json, document, lambda: checks_table(checks))
    show_error(error, as_json=False)
