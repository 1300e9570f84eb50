"""The home of the account that the gate works for: nothing is restored there.

Whoever writes there needs no gate any more: ``.ssh/authorized_keys`` lets in without one, ``.bashrc`` is
carried out before one.
"""

import os
import pwd

from bck_apps.gate.refusal import GateRefusedError
from bckcore.domain.host_path import HostPath, parsed_path
from bckcore.domain.host_platform import Platform
from bckcore.errors import PathRefusedError


def own_home(platform: Platform) -> HostPath:
    """Of the account that this runs as, where its links lead. Raises GateRefusedError where none is known."""
    try:
        return home_at(pwd.getpwuid(os.geteuid()).pw_dir, platform)
    except (KeyError, PathRefusedError) as exc:
        raise GateRefusedError("the home of this account is not known, so nothing is restored") from exc


def home_at(folder: str, platform: Platform) -> HostPath:
    """The home that the system's list of accounts names; ``/`` where it names none, as for sshd."""
    return parsed_path(os.path.realpath(folder or "/"), platform)


def lies_in_home(path: HostPath, home: HostPath) -> bool:
    """True for the home and what is below it; where the home is ``/``, for that and its hidden folders."""
    if home.names:
        return path.is_within(home)
    return not path.names or path.names[0].startswith(".")


def reaches_home(path: HostPath, home: HostPath) -> bool:
    """True if whoever may write below ``path`` may write into the home."""
    return lies_in_home(path, home) or home.is_within(path)
