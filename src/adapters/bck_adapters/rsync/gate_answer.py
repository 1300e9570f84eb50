"""Pure: what ``bck-gate probe`` on a PC answered. A PC wrote it, so nothing of it is taken on trust."""

import re
from dataclasses import dataclass

from bckcore.domain.json_text import parsed_json

_LONGEST = 64 << 10
_VERSION = re.compile(r"[0-9A-Za-z.+:~-]{1,40}")
_RSYNC = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GateAnswer:
    """What is used of it."""

    version: str
    rsync: str
    """Three numbers."""
    rsync_package: str = ""
    """The version of the package that brought it, where the system tells one."""


def parsed_gate_answer(text: str) -> GateAnswer | None:
    """The answer, or None for a text that is none: then no gate guards the host, or none that we know."""
    if len(text) > _LONGEST:
        return None
    try:
        values = parsed_json(text)
    except ValueError:
        return None
    if not isinstance(values, dict) or values.get("bck_gate") != 1:
        return None
    version, rsync = values.get("version"), values.get("rsync")
    if not isinstance(version, str) or not isinstance(rsync, str):
        return None
    if not _VERSION.fullmatch(version) or not _RSYNC.fullmatch(rsync):
        return None
    package = values.get("rsync_package", "")
    known = isinstance(package, str) and _VERSION.fullmatch(package)
    return GateAnswer(version=version, rsync=rsync, rsync_package=package if known else "")
