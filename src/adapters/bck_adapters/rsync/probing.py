"""Ask rsync on the other side to list a path: the same handshake as a transfer, and no shell.

A source root that was a folder yesterday may be a link to ``/etc`` today: the PC's user can replace it, and
a transfer would follow it. So each pull first has the root and the folders above it listed as what they
are, up to the allowed root. What remains is a race: a link that appears between this look and rsync's
opening of the root is followed. Only a gate on the PC, which checks the folder it has opened, can close it.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bck_adapters.rsync.argv import environment, look_argv, open_argv
from bck_adapters.rsync.conversation import nobody_stops
from bck_adapters.rsync.exit import Ending, error_of
from bck_adapters.rsync.listing import unescaped
from bck_adapters.rsync.messages import MessageReader
from bck_adapters.rsync.process import Program, companion, run
from bckcore.domain.host import Host
from bckcore.domain.paths import display
from bckcore.errors import TransferTimeoutError

_PATIENCE = 60
_ENOUGH = 1 << 24
_LINE = re.compile(rb"(?P<kind>.)\S{9,} +\d+ \d+/\d\d/\d\d \d\d:\d\d:\d\d (?P<name>.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """To whom, how, and how long a question is put."""

    host: Host
    shell: str
    search_path: str
    memory: int
    patience: int = _PATIENCE
    """Seconds until the other side counts as silent."""
    inherit_fds: tuple[int, ...] = ()
    on_group: Callable[[int], None] = lambda _: None
    stop: Callable[[], None] = nobody_stops
    """Called often; raises to stop."""


def listable_sources(question: Question, paths: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """Each path and whether it is a folder that can be listed.

    Raises PathNotAllowedError for a path that is a link or lies below one, and what :func:`error_of`
    finds when the other side cannot be asked at all.
    """
    return tuple((path, _is_listable(question, path)) for path in paths)


def require_no_link(question: Question, path: str) -> bool:
    """Raise PathNotAllowedError if ``path``, or a guarded folder above it, is a link.

    True if ``path`` is a folder; what is missing or cannot be looked at is not refused. Raises what
    :func:`error_of` finds when the other side cannot be asked at all.
    """
    folders = question.host.guarded_folders(path)
    if not folders:  # only / is never a link
        return True
    code, said = _asked(question, path, look_argv(question.shell, folders, timeout=question.patience))
    seen = seen_paths(said)
    link = first_link(folders, seen, complete=code == 0)
    if link is not None:
        raise question.host.link_refused(path, link, _target(link, seen))
    return seen.get(_listed_name(path)) == b"d"


def seen_paths(said: bytes) -> Mapping[bytes, bytes]:
    """The names in what rsync listed, a link's with its target, each with its kind: ``d``, ``l``, ``-``…"""
    lines = (_LINE.fullmatch(line) for line in said.split(b"\n"))
    return {unescaped(line["name"]): line["kind"] for line in lines if line}


def first_link(folders: Sequence[str], seen: Mapping[bytes, bytes], *, complete: bool) -> str | None:
    """The first of ``folders``, outermost first, that is a link; None if there is none.

    rsync leaves a link out of its list, without a word, when it lists something below it too. So one
    that is not shown is a link, unless nothing below is shown either and rsync complained.
    """
    for number, folder in enumerate(folders):
        if seen.get(_listed_name(folder), b"l") != b"l":
            continue
        below = folders[number + 1 :]
        if complete or any(_is_shown(other, seen) for other in (folder, *below)):
            return folder
        return None
    return None


def _listed_name(path: str) -> bytes:
    return os.fsencode(path).strip(b"/")


def _is_shown(path: str, seen: Mapping[bytes, bytes]) -> bool:
    return _listed_name(path) in seen or bool(_target(path, seen))


def _target(path: str, seen: Mapping[bytes, bytes]) -> str:
    head = _listed_name(path) + b" -> "
    targets = (name[len(head) :] for name, kind in seen.items() if kind == b"l" and name.startswith(head))
    return display(next(targets, b""))


def _is_listable(question: Question, path: str) -> bool:
    if not require_no_link(question, path):
        return False
    code, _ = _asked(question, path, open_argv(question.shell, path, timeout=question.patience))
    return code == 0


@contextmanager
def held(question: Question, argv: Sequence[bytes]) -> Iterator[None]:
    """Run the ssh that holds a connection as long as the context lasts; it is up when that begins.

    Raises what :func:`error_of` finds when it cannot be had.
    """
    messages = MessageReader(source_root=b"", places=())
    heard = bytearray()
    program = _program(question, argv)
    with companion(
        program, on_stderr=lambda chunk: heard.extend(chunk[: _ENOUGH - len(heard)]), tick=_ticking(question)
    ) as code:
        if code is not None:
            for line in bytes(heard).split(b"\n"):
                messages.read(line)
            error = error_of(Ending(code=code or 255, host=question.host.id, messages=messages))
            if error:
                raise error
        yield


def _program(question: Question, argv: Sequence[bytes]) -> Program:
    return Program(
        argv=argv,
        env=environment(question.search_path),
        inherit_fds=question.inherit_fds,
        on_group=question.on_group,
        memory=question.memory,
    )


def _ticking(question: Question) -> Callable[[], None]:
    until = time.monotonic() + question.patience

    def tick() -> None:
        question.stop()
        if time.monotonic() >= until:
            raise TransferTimeoutError(
                f"{question.host.id} did not answer in {question.patience} s.",
                meaning="Nothing was read or changed.",
                advice="Try again when the host is less busy.",
            )

    return tick


def _asked(question: Question, path: str, argv: Sequence[bytes]) -> tuple[int, bytes]:
    """How rsync ended, and what it listed."""
    messages = MessageReader(source_root=os.fsencode(path), places=())
    said, heard = bytearray(), bytearray()
    code = run(
        _program(question, argv),
        on_stdout=lambda chunk: said.extend(chunk[: _ENOUGH - len(said)]),
        on_stderr=lambda chunk: heard.extend(chunk[: _ENOUGH - len(heard)]),
        tick=_ticking(question),
    )
    for line in bytes(heard).split(b"\n"):
        messages.read(line)
    if error := error_of(Ending(code=code, host=question.host.id, messages=messages)):
        raise error
    return code, bytes(said)
