"""Pure: the argument lists of a push.

``--fake-super`` concerns our side only: rsync reads type, mode and owner from the stored attribute, and the
rsync on the PC gets what any other transfer would give it. An account that is not root then leaves owners
as they are, without a word; ``-M--super`` would make an error of each.

Paths are named one by one (``--files-from``) without the folders above them: only so do existing
folders keep their attributes where they are to keep them. There is no ``--delete`` and no ``--force``.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from bck_adapters.rsync.argv import Invocation, old_args, remote_path
from bckcore.domain.host import Platform
from bckcore.domain.paths import RelPath
from bckcore.domain.push import Conflict, PushOrder

ITEM_WIDTH = 11
_PARTIAL = ".bck-partial"


def look_argv(order: PushOrder, call: Invocation) -> list[bytes]:
    """The command that tells which paths of the origin the PC lacks; it changes nothing.

    With ``--ignore-existing`` rsync passes over what stands there as something else, which no other
    listing tells apart from what is missing.
    """
    return _argv(order, call, ["--dry-run", "--ignore-existing"])


def send_argv(order: PushOrder, call: Invocation, names: Path, *, partial_dir: str) -> list[bytes]:
    """The command that brings the paths listed in ``names``; in a dry run it only tells."""
    more = [*_chosen(names), f"--partial-dir={partial_dir}"]
    if order.dry_run:
        more.append("--dry-run")
    if order.conflict is Conflict.KEEP_BOTH:
        more += ["--backup", f"--suffix={order.suffix}"]
    if order.conflict is Conflict.SKIP:
        more.append("--ignore-existing")
    return _argv(order, call, more)


def dress_argv(order: PushOrder, call: Invocation, names: Path) -> list[bytes]:
    """The command that gives the folders listed in ``names`` their attributes and touches no file.

    Needed after ``--backup``, which makes rsync leave the times of folders alone.
    """
    return _argv(order, call, [*_chosen(names), "--existing", "--ignore-existing"])


def root_argv(order: PushOrder, call: Invocation) -> list[bytes]:
    """The command that gives the target folder itself its attributes.

    In a list of names ``.`` would stand for all that lies directly in it, too.
    """
    more = ["--dirs", "--no-recursive", "--filter=hide *"]
    return _argv(order, call, [*more, "--dry-run"] if order.dry_run else more)


def listed(paths: Iterable[RelPath]) -> bytes:
    """The content of a list of names: each from ``./`` on, for rsync skips names that begin with # or ;"""
    return b"".join(b"./" + path + b"\0" for path in paths)


def partial_name(taken: Iterable[RelPath]) -> str:
    """A name for the folder of half-sent files that is none of ``taken``: rsync would not send that one."""
    names = {name for path in taken if path.find(b".bck") >= 0 for name in path.split(b"/")}
    number, name = 1, _PARTIAL
    while name.encode() in names:
        number, name = number + 1, f"{_PARTIAL}-{number + 1}"
    return name


def _chosen(names: Path) -> list[str]:
    words = ["--from0", "--relative", "--no-implied-dirs", "--dirs", "--no-recursive"]
    return [f"--files-from={names}", *words]


def _argv(order: PushOrder, call: Invocation, more: list[str]) -> list[bytes]:
    argv = ["rsync", *_semantics(order), *_watching(call), *_limits(order), *more]
    encoded = [os.fsencode(word) for word in argv]
    folder = call.folder or order.target_path
    encoded += [*old_args(folder), os.fsencode(f"--rsh={call.remote_shell}"), b"--"]
    return [*encoded, os.fsencode(order.origin) + b"/", remote_path(folder, inside=True)]


def _semantics(order: PushOrder) -> list[str]:
    argv = ["--archive", "--numeric-ids", "--fake-super", "--sparse", "--mkpath"]
    argv += ["--modify-window=-1", "--checksum-choice=xxh128"]
    if order.host.platform is Platform.WINDOWS:
        argv += ["--no-perms", "--no-owner", "--no-group"]
    if order.options.compress:
        argv.append("--compress")
    return argv


def _watching(call: Invocation) -> list[str]:
    return [
        "-ii",
        f"--out-format={call.tag}%i {call.tag}%n",
        "--8-bit-output",
        "--outbuf=B",
        "--info=progress2,stats2",
        "--no-human-readable",
    ]


def _limits(order: PushOrder) -> list[str]:
    argv = ["--max-alloc=1G", f"--timeout={order.options.idle_timeout}"]
    if order.options.bandwidth_limit is not None:
        argv.append(f"--bwlimit={order.options.bandwidth_limit // 1024}")
    return argv
