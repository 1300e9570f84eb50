"""Pure: from an order to the argument list and environment of rsync.

One shape serves both transports. The data always passes through a "remote shell": OpenSSH for
``rsync-ssh``, and for ``local`` a two-line ``sh`` that runs the very command rsync would have sent to
the PC. So a local pull resumes, itemises and fails exactly like one over the network, and the source is
read as it really is: ``--fake-super`` concerns the receiving side only.

The command line that reaches the PC ends with the paths it may read, each escaped; a gate can read it. A
transfer names one, the source root; the look at links before it names that root and folders above it.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bckcore.domain.host import Platform
from bckcore.domain.preview import PreviewOrder
from bckcore.domain.transfer import PullOrder

MINIMUM_VERSION = (3, 2, 4)
"""Older programs do not escape arguments for the remote shell."""

ALIAS = "pc"
"""What every host is called on rsync's command line; the real address stands in the ssh configuration."""

ITEM_WIDTH = 11
ITEM_FIELDS = "%i %20l %M %32C "
"""Itemised change, size, modification time, xxh128; the name follows, behind the tag once more."""

LOCAL_SHELL = "sh -c 'shift; eval \"exec $*\"' sh"
"""Runs on this machine what ssh would run on the PC: drops the host name, lets sh undo rsync's escapes."""

STANDING_SHELL = "sh -c 'shift; cd -P /proc/self/fd/{fd} && eval \"exec $*\"' sh"
"""The same, in a folder that is held open: wherever its path leads by now, rsync stands in that one."""

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%= ()&")
"""What rsync 3.2.4 and newer bring through a shell unharmed (with all bytes above ASCII)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What one start of rsync needs besides the order."""

    remote_shell: str
    """Value of ``--rsh``: words, quoted as rsync reads them."""
    tag: str
    """Random; opens each line of the listing, so that nothing a PC sends can look like one."""
    folder: str = ""
    """Where a push's other side already stands, in place of the order's path."""


def environment(search_path: str) -> Mapping[str, str]:
    """The whole environment of rsync: one language, one time zone, no option from elsewhere."""
    return {"PATH": search_path, "LC_ALL": "C", "TZ": "UTC0", "HOME": "/nonexistent"}


def pull_argv(order: PullOrder, call: Invocation, filters: Iterable[bytes]) -> list[bytes]:
    """The command that brings the contents of the order's source into its destination.

    It never deletes because the PC lacks something; ``--force`` only lets a folder become a file, and
    what stood in the folder is displaced first. ``filters`` are arguments, from
    :func:`bck_adapters.rsync.rule_file.filter_args`.
    """
    argv = ["rsync", *_semantics(order), *_places(order), *_watching(call), *_limits(order)]
    encoded = [os.fsencode(arg) for arg in argv]
    encoded += filters
    encoded += old_args(order.source.path)
    encoded += [os.fsencode(f"--rsh={call.remote_shell}"), b"--", remote_path(order.source.path, inside=True)]
    return [*encoded, os.fsencode(order.destination) + b"/"]


def preview_argv(order: PreviewOrder, call: Invocation, filters: Iterable[bytes]) -> list[bytes]:
    """The command of a pull that changes nothing, and has the PC's rsync say what it hides."""
    argv = ["rsync", "--dry-run", *_semantics(order), *_watching(call), *_limits(order)]
    argv.append("--remote-option=--debug=FILTER1")
    encoded = [os.fsencode(arg) for arg in argv]
    encoded += [*filters, *old_args(order.source.path)]
    encoded += [os.fsencode(f"--rsh={call.remote_shell}"), b"--", remote_path(order.source.path, inside=True)]
    return [*encoded, os.fsencode(order.destination) + b"/"]


def open_argv(remote_shell: str, path: str, *, timeout: int) -> list[bytes]:
    """The command that opens ``path`` as a folder and lists nothing."""
    argv = [*_listing(timeout), b"--filter=- *", *old_args(path), os.fsencode(f"--rsh={remote_shell}")]
    return [*argv, b"--", remote_path(path, inside=True)]


def look_argv(remote_shell: str, paths: Sequence[str], *, timeout: int) -> list[bytes]:
    """The command that lists each path itself, by its full name, without following or opening it."""
    # Without --relative, rsync names only the last part of a path, and of two equal names shows one.
    argv = [*_listing(timeout), b"--relative", b"--no-implied-dirs", *old_args(*paths)]
    quoted = b"--old-args" in argv
    sources = [remote_path(path, inside=False, quoted=quoted) for path in paths]
    # Several sources need a destination. A listing never touches it.
    return [*argv, os.fsencode(f"--rsh={remote_shell}"), b"--", *sources, b"/"]


def _listing(timeout: int) -> list[bytes]:
    words = ["rsync", "--list-only", "--dirs", "--links", "--no-h", f"--timeout={timeout}"]
    return [os.fsencode(word) for word in (*words, "--checksum-choice=xxh128")]


def remote_path(path: str, *, inside: bool, quoted: bool | None = None) -> bytes:
    """``path`` on the PC as an argument; ``inside`` asks for what the folder holds.

    ``quoted`` says whether we quote it, by default only where :func:`old_args` is needed for it.
    rsync escapes blanks and the like for the remote shell. What some version of it leaves to the shell
    (3.2.7: the backtick; every one: a newline and wildcards) is quoted here instead, see :func:`old_args`.
    """
    raw = os.fsencode(path).rstrip(b"/") + (b"/" if inside or not path.strip("/") else b"")
    if not _is_plain(path) if quoted is None else quoted:
        raw = b"'" + raw.replace(b"'", b"'\\''") + b"'"
    return f"{ALIAS}:".encode() + raw


def old_args(*paths: str) -> list[bytes]:
    """``--old-args``, which keeps rsync from escaping, for paths that are quoted by us.

    That option also skips rsync's check for top-level names nobody asked for. The contents of one folder
    are asked for, so every name is; rsync still refuses names that lead out of the destination.
    """
    return [] if all(map(_is_plain, paths)) else [b"--old-args"]


def _is_plain(path: str) -> bool:
    return all(byte in _PLAIN or byte >= 0x80 for byte in os.fsencode(path))


def quoted_word(word: str) -> str:
    """``word`` as one word of ``--rsh``: rsync knows double quotes, doubled inside; no backslash."""
    return '"' + word.replace('"', '""') + '"'


def _semantics(order: PullOrder | PreviewOrder) -> list[str]:
    argv = ["--archive", "--numeric-ids", "--fake-super", "--force", "--sparse"]
    # By default rsync takes a file of the same size and the same whole second for unchanged.
    argv += ["--modify-window=-1", "--checksum-choice=xxh128"]
    if order.host.platform is Platform.WINDOWS:
        argv += ["--no-perms", "--no-owner", "--no-group", "--chmod=D700,F600"]
    if order.options.compress:
        argv.append("--compress")
    return argv


def _places(order: PullOrder) -> list[str]:
    return [
        "--backup",
        f"--backup-dir={order.displaced_dir}",
        # Absolute: a relative one would hide the user's own folders of that name and litter `current`.
        f"--partial-dir={order.partial_dir}",
        f"--temp-dir={order.temp_dir}",
    ]


def _watching(call: Invocation) -> list[str]:
    return [
        # Twice: unchanged paths are listed too. Only with %i in the output format, not with --log-file alone.
        "-ii",
        # The listing goes to standard output: rsync's own log cuts long lines (3.5.0: at 2 KiB), and a
        # path may have 4 KiB.
        f"--out-format={call.tag}{ITEM_FIELDS}{call.tag}%n",
        "--8-bit-output",
        "--outbuf=B",
        "--info=progress2,stats2,skip1",
        "--no-human-readable",
    ]


def _limits(order: PullOrder | PreviewOrder) -> list[str]:
    argv = ["--max-alloc=1G", f"--timeout={order.options.idle_timeout}"]
    if order.max_size is not None:
        argv.append(f"--max-size={order.max_size}")
    if order.options.bandwidth_limit is not None:
        argv.append(f"--bwlimit={order.options.bandwidth_limit // 1024}")
    return argv
