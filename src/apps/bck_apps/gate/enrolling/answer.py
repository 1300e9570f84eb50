"""What a server answers to a redeemed token. Pure.

Only names, public keys, addresses and paths are taken from it, each of its own form. The lines that let the
server in are put together here, around this PC's own gate: nothing that the server says can widen them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bck_apps.gate.enrolling.problem import EnrolError
from bckcore.domain.host_path import HostPath, parsed_path
from bckcore.domain.host_platform import Platform
from bckcore.domain.ids import HostId, checked_name
from bckcore.domain.ssh_trust import (
    checked_addresses,
    checked_public_key,
    comment_of,
    principal_of,
    trust_lines,
)
from bckcore.errors import InvalidInputError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_MOST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Everything of it that is used."""

    host: HostId
    server: str
    """What the server calls itself: part of the comment behind its keys."""
    certified: bool
    """Whether the keys are those of its authority, which certifies the one that it shows."""
    keys: tuple[str, ...]
    addresses: tuple[str, ...]
    """Where it comes from; empty for anywhere."""
    allowed: tuple[HostPath, ...]

    @property
    def comment(self) -> str:
        """What stands behind the keys; no other host or server has the same."""
        return comment_of(self.server, self.host, certified=self.certified)

    def lines(self, gate: str) -> tuple[str, ...]:
        """Of ``authorized_keys``: they let the server start that gate, and nothing else."""
        return trust_lines(
            self.keys,
            host=self.host,
            server=self.server,
            certified=self.certified,
            gate=gate,
            addresses=self.addresses,
        )

    def replaces(self, line: bytes) -> bool:
        """True for a line that is to go: it has one of the keys, or was entered for this host before."""
        words = line.split()
        if words and not words[0].startswith(b"#") and self._entered_before(line, words[-1]):
            return True
        return any(key.partition(" ")[2].encode() in words for key in self.keys)

    def _entered_before(self, line: bytes, comment: bytes) -> bool:
        same = {comment_of(self.server, self.host, certified=certified) for certified in (False, True)}
        if comment in {one.encode() for one in same}:
            return True
        # Older servers told people to enter lines of an authority whose comment does not name the host.
        older = f"bck-ca@{self.server}".encode()
        return comment == older and f'principals="{principal_of(self.host)}"'.encode() in line


def parsed_answer(document: Mapping[str, Any], platform: Platform) -> Answer:
    """Raises EnrolError for what no server of ours answers."""
    try:
        server = document["server"]
        if not _NAME.fullmatch(server) or not isinstance(document["certified"], bool):
            raise InvalidInputError("no name")
        return Answer(
            host=HostId(checked_name(document["host"], "host")),
            server=server,
            certified=document["certified"],
            keys=tuple(map(checked_public_key, _texts(document["keys"]))),
            addresses=checked_addresses(_texts(document["addresses"])),
            allowed=tuple(parsed_path(text, platform) for text in _texts(document["allow"])),
        )
    except (KeyError, TypeError, UnicodeEncodeError, InvalidInputError) as exc:
        raise EnrolError(
            f"The server's answer is not understood ({exc}).",
            meaning="The token was used, and nothing was changed on this PC.",
            advice="If bck-gate is older than the server, install the same version. Have another token made.",
        ) from exc


def _texts(found: object) -> list[str]:
    if not isinstance(found, list) or len(found) > _MOST or not all(isinstance(one, str) for one in found):
        raise InvalidInputError("no list of texts")
    "".join(found).encode()  # what no file could hold is none either
    return found
