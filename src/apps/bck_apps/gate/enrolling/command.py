"""``bck-gate enrol``: hand the host keys of this PC to the server, and let the server in.

Everything that can be looked at before is: the token counts once.
"""

import argparse
import json
import os
import pwd
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bck_apps.gate.config import DEFAULT, require_trusted_program, this_platform
from bck_apps.gate.enrolling import files
from bck_apps.gate.enrolling.answer import Answer, parsed_answer
from bck_apps.gate.enrolling.problem import EnrolError
from bck_apps.gate.enrolling.server import Server, parsed_server, pinned, redeemed
from bck_apps.gate.home import home_at, lies_in_home
from bck_apps.gate.probing import own_version, rsync_version
from bck_apps.gate.refusal import GateBrokenError, escaped
from bckcore.domain.enrolment_text import TokenParts, parsed_token, token_text
from bckcore.domain.host_key import checked_host_keys
from bckcore.domain.host_path import typed_path
from bckcore.domain.secret import Secret
from bckcore.domain.ssh_trust import checked_gate, fingerprint
from bckcore.errors import InvalidInputError, PathRefusedError

FAILED, WRONG_USE = 1, 2
_USUAL_ACCOUNT = "backupsvc"
_LONGEST_TOKEN_LINE = 1_000
_PLAIN = re.compile(r"/[A-Za-z0-9._/+-]+")
_NOTHING_YET = "Nothing was sent and nothing was changed. The token still counts."


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was asked for, looked at already."""

    server: Server
    token: TokenParts
    account: str
    address: str
    host_keys: tuple[str, ...]
    gate: str
    rsync: str
    read: tuple[str, ...]
    restore: tuple[str, ...]
    authorized_keys: files.Place | None
    """None: print the lines."""
    config: files.Place


def enrol(arguments: Sequence[str]) -> int:
    """Carry it out; how the program is to end."""
    given = _parser().parse_args(arguments)
    try:
        plan = _planned(given)
        answer = _exchanged(plan)
        if plan.authorized_keys is None:
            _printed(plan, answer)
        else:
            _installed_or_printed(plan, plan.authorized_keys, answer)
    except InvalidInputError as error:
        return _told((error.what, error.meaning, error.advice), WRONG_USE)
    except EnrolError as error:
        return _told(error.lines, FAILED)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bck-gate enrol", description="Make this PC known to the backup server, and let the server in."
    )
    more = parser.add_argument
    more("--server", required=True, metavar="URL", help="https://NAME:PORT, as 'bck host enrol' shows it")
    more("token", nargs="?", default="-", metavar="TOKEN", help="left out, it is read from standard input")
    more(
        "--folder", action="append", default=[], metavar="PATH", help="may be read; else what the server says"
    )
    more("--restore", action="append", default=[], metavar="PATH", help="may be restored into; repeatable")
    more("--user", default=_USUAL_ACCOUNT, metavar="NAME", help="the account for the server (%(default)s)")
    more("--address", default="", help="where the server reaches this PC; else where the request comes from")
    more("--write", action="store_true", help="write the files instead of printing what belongs into them")
    more("--authorized-keys", metavar="FILE", help="another one than the account's own")
    more("--config", default=DEFAULT, metavar="FILE", help="of the gate (%(default)s)")
    more("--gate", metavar="COMMAND", help="how sshd starts the gate; else this program")
    more("--rsync", default="/usr/bin/rsync", metavar="FILE", help="(%(default)s)")
    more("--host-keys", default="/etc/ssh", metavar="FOLDER", help="with ssh_host_*_key.pub (%(default)s)")
    return parser


def _planned(given: argparse.Namespace) -> Plan:
    """Raises EnrolError, InvalidInputError."""
    text = _asked_for() if given.token == "-" else given.token  # noqa: S105
    plan = Plan(
        token=parsed_token(Secret(text)),
        server=parsed_server(given.server),
        account=given.user,
        address=given.address,
        host_keys=_host_keys(Path(given.host_keys)),
        gate=checked_gate(given.gate) if given.gate else _own_command(given.config),
        rsync=_program(given.rsync),
        read=_folders(given.folder),
        restore=_apart_from_home(_folders(given.restore), given.user),
        authorized_keys=_authorized_keys(given) if given.write else None,
        config=files.named_file(given.config),
    )
    if plan.authorized_keys is not None:
        files.require_writable(plan.authorized_keys)
        files.require_writable(plan.config)
    return plan


def _asked_for() -> str:
    """The token as a person pastes it: it then stands in no list of processes and no history of a shell."""
    if sys.stdin.isatty():
        print("Token: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline(_LONGEST_TOKEN_LINE)


def _authorized_keys(given: argparse.Namespace) -> files.Place:
    named = given.authorized_keys
    return files.named_file(named) if named else files.keys_of_account(given.user)


def _host_keys(folder: Path) -> tuple[str, ...]:
    try:
        lines = [file.read_text("ascii") for file in sorted(folder.glob("ssh_host_*_key.pub"))]
    except (OSError, UnicodeError) as exc:
        raise EnrolError(
            f"The host keys in {folder} cannot be read: {exc}.",
            meaning=_NOTHING_YET,
            advice="See --host-keys.",
        ) from exc
    if not lines:
        raise EnrolError(
            f"There is no host key in {folder}.",
            meaning=f"By it the server would know this PC. {_NOTHING_YET}",
            advice="Install the SSH server first; where its keys lie elsewhere: --host-keys FOLDER",
        )
    return checked_host_keys(lines)


def _own_command(config: str) -> str:
    """How sshd starts this very program. Raises EnrolError where that cannot stand in a shell's command."""
    own = os.path.realpath(sys.argv[0])
    words = [own] if config == DEFAULT else [own, "--config", config]
    if os.path.basename(own) != "bck-gate" or not all(map(_PLAIN.fullmatch, words[::2])):
        raise EnrolError(
            f"How sshd is to start the gate cannot be told from {own}.",
            meaning=_NOTHING_YET,
            advice="Say it: --gate '/opt/bck-gate/bin/bck-gate'",
        )
    return checked_gate(shlex.join(words))


def _program(text: str) -> str:
    """Asked for its version here, by root perhaps. Raises EnrolError for one that others could change."""
    name = _writable_name(text)
    try:
        require_trusted_program(name)
    except GateBrokenError as broken:
        raise EnrolError(
            f"{broken}.",
            meaning="Whoever changed it would work with your rights, and the gate would not start it. "
            f"{_NOTHING_YET}",
            advice="Give it to root, take the right to write from others, or name another one: --rsync FILE",
        ) from broken
    return name


def _folders(given: Sequence[str]) -> tuple[str, ...]:
    """As the gate compares them. Raises PathRefusedError, EnrolError."""
    return tuple(_writable_name(os.path.realpath(text)) for text in given)


def _apart_from_home(folders: tuple[str, ...], account: str) -> tuple[str, ...]:
    """The folders. Raises EnrolError for one into which the gate would let nothing be restored."""
    try:
        home = home_at(pwd.getpwnam(account).pw_dir, this_platform())
    except (KeyError, PathRefusedError):  # printed for an account that is made later: the gate looks, too
        return folders
    for folder in folders:
        if lies_in_home(typed_path(folder, this_platform()), home):
            raise EnrolError(
                f"{folder} lies in {home.text}, the home of {account}.",
                meaning="Whoever writes there can do away with the gate, so it lets nothing be restored "
                f"there. {_NOTHING_YET}",
                advice="Name a folder outside of it; or give the server an account of its own: --user NAME",
            )
    return folders


def _writable_name(text: str) -> str:
    """A full path, if it can stand in the configuration. Raises PathRefusedError, EnrolError."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise EnrolError(
            f"{os.fsencode(text)!r} is not written in UTF-8.",
            meaning=f"The configuration of the gate could not name it. {_NOTHING_YET}",
            advice="Name the folder above it.",
        ) from None
    return typed_path(text, this_platform()).text


def _exchanged(plan: Plan) -> Answer:
    context = pinned(plan.server, plan.token.ca_sha256)
    body = {
        "token": token_text(plan.token).reveal(),
        "host_keys": list(plan.host_keys),
        "platform": this_platform().value,
        "address": plan.address,
        "user": plan.account,
        "gate": plan.gate,
        "gate_version": own_version(),
        "rsync_version": rsync_version(plan.rsync),
    }
    return parsed_answer(redeemed(plan.server, context, body), this_platform())


def _installed_or_printed(plan: Plan, place: files.Place, answer: Answer) -> None:
    """Raises EnrolError where a file could not be written; what belongs into it is printed before."""
    try:
        _installed(plan, place, answer)
    except EnrolError as error:
        _printed(plan, answer)
        raise EnrolError(
            error.lines[0],
            meaning="The token was used, and the server knows this PC. What was still to be written is not.",
            advice="What belongs into the files is printed above: enter by hand what is missing there.",
        ) from error


def _installed(plan: Plan, place: files.Place, answer: Answer) -> None:
    lines = answer.lines(plan.gate)
    files.rewritten(place, lambda content: files.without(content, answer.replaces, lines))
    _say(f"The server {answer.server} knows this PC as {answer.host}, by {len(plan.host_keys)} host keys:")
    for key in plan.host_keys:
        _say(f"  {fingerprint(key)} {key.partition(' ')[0]}")
    _say(f"It is let in by {place.path}." if lines else f"It is let in by the password of {plan.account}.")
    content = _config_text(plan, answer)
    if not content:
        _say(f"No folder is allowed yet: say read = [...] in {plan.config.path}")
    elif files.written_new(plan.config, content.encode(), mode=0o644):
        _say(f"What it may read stands in {plan.config.path}.")
    else:
        _say(f"{plan.config.path} was there already and was left as it is. For this server it would be:")
        _say_lines(content)
    _say(f"Try it on the server: bck host probe {answer.host}")


def _printed(plan: Plan, answer: Answer) -> None:
    _say(f"# The server {answer.server} knows this PC as {answer.host}. Into authorized_keys there:")
    for line in answer.lines(plan.gate):
        _say(line)
    _say(f"# Into {plan.config.path}, which only root may write:")
    _say_lines(_config_text(plan, answer) or "# read = [...]\n")


def _config_text(plan: Plan, answer: Answer) -> str:
    """Empty where no folder is allowed."""
    read = plan.read or tuple(path.text for path in answer.allowed)
    if not read and not plan.restore:
        return ""
    entries = {"read": list(read), "restore": list(plan.restore), "rsync": plan.rsync}
    lines = (f"{name} = {_toml(value)}\n" for name, value in entries.items() if value)
    return f"# Made by bck-gate enrol for {answer.comment}\n" + "".join(lines)


def _toml(value: object) -> str:
    """A string of JSON without escaped letters is one of TOML, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _say_lines(text: str) -> None:
    for line in text.splitlines():
        _say(line)


def _say(text: str) -> None:
    plain = "".join(char if char.isprintable() else "?" for char in text)
    encoding = sys.stdout.encoding or "utf-8"
    print(plain.encode(encoding, "replace").decode(encoding))


def _told(lines: Sequence[str], code: int) -> int:
    for line in lines:
        if line:
            print(f"bck-gate: {escaped(line)}", file=sys.stderr)
    return code
