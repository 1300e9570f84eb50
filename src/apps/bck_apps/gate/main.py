"""``bck-gate``: the forced command of the backup account on a Linux or macOS PC.

In ``authorized_keys`` or a ``Match`` block of sshd: ``command="/usr/bin/bck-gate"``, with ``restrict``. It
reads the command that the server asked for from ``SSH_ORIGINAL_COMMAND`` and starts rsync itself; no shell
ever sees it. ``bck-gate enrol`` is for people: it makes the PC known to the server.
"""

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from bck_apps.gate.commands import Command, Purpose, understood
from bck_apps.gate.config import DEFAULT, SYSLOG, GateConfig, loaded, require_trusted_program, this_platform
from bck_apps.gate.confining import confine
from bck_apps.gate.home import own_home
from bck_apps.gate.journal import note
from bck_apps.gate.places import enter, paths_to_look_at
from bck_apps.gate.refusal import EXIT_REFUSED, GateBrokenError, GateRefusedError, escaped
from bck_apps.gate.words import split

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC0", "HOME": "/nonexistent"}
_USAGE = "usage: bck-gate [--config FILE], as a forced command of sshd; or: bck-gate enrol --help"


def main() -> None:
    """Entry point. Ends as rsync ends, with 77 for a refusal, 78 for a configuration that is no good."""
    if sys.argv[1:2] == ["enrol"]:
        from bck_apps.gate.enrolling.command import enrol

        sys.exit(enrol(sys.argv[2:]))
    if sys.argv[1:] in (["--help"], ["-h"]):
        sys.stdout.write(f"{_USAGE}\n")
        return
    asked = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    log = SYSLOG
    try:
        config = _configuration(sys.argv[1:])
        log = config.log
        _carry_out(asked, config)
    except GateRefusedError as refused:
        _refuse(refused, asked, log)
    except OSError as exc:
        _refuse(GateRefusedError(f"the system refused: {exc.strerror}"), asked, log)


def _configuration(arguments: Sequence[str]) -> GateConfig:
    if sys.getfilesystemencoding().lower() != "utf-8":
        raise GateBrokenError("names are not UTF-8 here: call it as env PYTHONUTF8=1 bck-gate")
    if not arguments:
        return loaded(DEFAULT, this_platform())
    if len(arguments) == 2 and arguments[0] == "--config" and arguments[1].startswith("/"):
        return loaded(arguments[1], this_platform())
    raise GateBrokenError(_USAGE)


def _carry_out(asked: str, config: GateConfig) -> None:
    command = understood(split(asked))
    found = require_trusted_program(config.rsync)  # a probe starts it, too
    if command.purpose is Purpose.PROBE:
        from bck_apps.gate.probing import answer

        note(config.log, f"allowed: probe, for {_who()}")
        sys.stdout.write(answer(config) + "\n")
        return
    if not found:
        raise GateBrokenError(f"{config.rsync} cannot be started: it is not there")
    arguments, folder = _placed(command, config)
    note(config.log, f"allowed: {command.purpose.value} {' '.join(command.paths)}, for {_who()}")
    if config.confine:
        confine(program=config.rsync, folder=folder, writing=command.purpose is Purpose.WRITE)
    _become_rsync(config.rsync, [*command.options, ".", *arguments])


def _placed(command: Command, config: GateConfig) -> tuple[list[str], str | None]:
    """The paths for rsync, and the folder that it may open. Goes into that folder."""
    platform = this_platform()
    if command.purpose is Purpose.LOOK:
        # One may look at where files may come from and at where they may be restored to.
        return paths_to_look_at(command.paths, (*config.read, *config.restore), platform), None
    if command.purpose is Purpose.WRITE:
        home = own_home(platform)
        place = enter(command.paths[0], config.restore, platform, whole_root=True, kept_from=home)
        return [place.argument], "."
    place = enter(command.paths[0], config.read, platform, whole_root=False)
    return [place.argument], None if place.rest else "."


def _become_rsync(program: str, arguments: Sequence[str]) -> NoReturn:
    # Python ignores it, and rsync would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execve(program, [program, *arguments], _ENVIRONMENT)  # noqa: S606  # no shell is the point


def _refuse(refused: GateRefusedError, asked: str, log: str) -> NoReturn:
    try:
        note(log, f"refused: {refused}; for {_who()}; asked for: {asked}")
    except GateBrokenError as broken:
        refused = broken
    sys.stderr.write(f"bck-gate: refused: {escaped(str(refused))}\n")
    sys.stderr.flush()
    sys.exit(getattr(refused, "exit_code", EXIT_REFUSED))


def _who() -> str:
    """The address of the server, as sshd saw it."""
    return os.environ.get("SSH_CONNECTION", "").partition(" ")[0] or "nobody known"
