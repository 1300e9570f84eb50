"""Ask rsync on the other side to list a path: the same handshake as a transfer, and no shell."""

import os
import time
from collections.abc import Sequence

from bck_adapters.rsync.argv import environment, list_argv
from bck_adapters.rsync.exit import Ending, error_of
from bck_adapters.rsync.messages import MessageReader
from bck_adapters.rsync.process import Program, run
from bckcore.errors import TransferTimeoutError

_PATIENCE = 60
_ENOUGH = 1 << 16


def listable_sources(
    host: str, shell: str, paths: Sequence[str], search_path: str
) -> tuple[tuple[str, bool], ...]:
    """Each path and whether it is a folder (not a link to one) that can be listed.

    Raises what :func:`error_of` finds when the other side cannot be asked at all.
    """
    return tuple((path, _is_listable(host, shell, path, search_path)) for path in paths)


def _is_listable(host: str, shell: str, path: str, search_path: str) -> bool:
    kind = _listed(host, shell, path, search_path, inside=False)
    if kind is None or not kind.startswith(b"d"):
        return False
    return _listed(host, shell, path, search_path, inside=True) is not None


def _listed(host: str, shell: str, path: str, search_path: str, *, inside: bool) -> bytes | None:
    """What rsync listed; None when it reported any trouble with the path."""
    messages = MessageReader(source_root=os.fsencode(path), places=())
    said, heard = bytearray(), bytearray()
    until = time.monotonic() + _PATIENCE

    def check_time() -> None:
        if time.monotonic() >= until:
            raise TransferTimeoutError(
                f"{host} did not list {path} in {_PATIENCE} s.",
                advice="Try again when the host is less busy.",
            )

    argv = list_argv(shell, path, inside=inside, timeout=_PATIENCE)
    code = run(
        Program(argv=argv, env=environment(search_path)),
        on_stdout=lambda chunk: said.extend(chunk[: _ENOUGH - len(said)]),
        on_stderr=lambda chunk: heard.extend(chunk[: _ENOUGH - len(heard)]),
        tick=check_time,
    )
    for line in bytes(heard).split(b"\n"):
        messages.read(line)
    if error := error_of(Ending(code=code, host=host, messages=messages)):
        raise error
    return bytes(said) if code == 0 else None
