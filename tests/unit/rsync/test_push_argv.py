"""The command lines of a push: what must be in them, and what must never be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.rsync.argv import Invocation
from bck_adapters.rsync.push_argv import dress_argv, listed, look_argv, partial_name, root_argv, send_argv
from bckcore.domain.host import Host, Platform
from bckcore.domain.ids import HostId
from bckcore.domain.paths import RelPath
from bckcore.domain.push import Conflict, PushOrder
from bckcore.domain.transfer import TransferOptions
from bckcore.errors import InvalidInputError

CALL = Invocation(remote_shell="ssh -F config", tag="0123456789abcdef")
NAMES = Path("/store/.work/r/pc1/docs/w/send")
ALL = tuple(Conflict)


def order(conflict: Conflict = Conflict.OVERWRITE, **more: object) -> PushOrder:
    fields: dict[str, object] = {
        "host": Host(id=HostId("pc1"), address="pc1", allowed_roots=("/",)),
        "target_path": "/home/u/docs",
        "label": "docs",
        "origin": Path("/store/.work/r/pc1/docs/f"),
        "work_dir": NAMES.parent,
        "conflict": conflict,
        "suffix": "~20260102T030405Z",
        "options": TransferOptions(),
    }
    return PushOrder(**(fields | more))  # type: ignore[arg-type]  # the fields of a PushOrder


def every_argv(one: PushOrder) -> list[list[bytes]]:
    return [
        look_argv(one, CALL),
        send_argv(one, CALL, NAMES, partial_dir=".bck-partial"),
        dress_argv(one, CALL, NAMES),
        root_argv(one, CALL),
    ]


@pytest.mark.parametrize("conflict", ALL)
def test_nothing_is_ever_deleted_or_forced_and_the_pc_is_not_asked_to_be_root(conflict: Conflict) -> None:
    for argv in every_argv(order(conflict)):
        words = b" ".join(argv)
        assert b"--delete" not in words
        assert b"--force" not in words
        assert b"--inplace" not in words
        assert b"super" not in words.replace(b"--fake-super", b"")
        assert b"--keep-dirlinks" not in words
        assert b"--modify-window=-1" in argv
        assert argv[-2:] == [b"/store/.work/r/pc1/docs/f/", b"pc:/home/u/docs/"]


def test_the_choice_decides_what_becomes_of_what_is_there() -> None:
    words = {conflict: send_argv(order(conflict), CALL, NAMES, partial_dir="p") for conflict in ALL}
    assert b"--suffix=~20260102T030405Z" in words[Conflict.KEEP_BOTH]
    assert b"--ignore-existing" in words[Conflict.SKIP]
    assert not {b"--backup", b"--ignore-existing"} & set(words[Conflict.OVERWRITE])


def test_a_look_and_a_dry_run_change_nothing() -> None:
    dry = order(Conflict.KEEP_BOTH, dry_run=True)
    assert b"--dry-run" in look_argv(order(), CALL)
    assert b"--dry-run" in send_argv(dry, CALL, NAMES, partial_dir="p")
    assert b"--dry-run" in root_argv(dry, CALL)


def test_folders_above_a_name_are_never_sent_along() -> None:
    for argv in (send_argv(order(), CALL, NAMES, partial_dir="p"), dress_argv(order(), CALL, NAMES)):
        assert {b"--relative", b"--no-implied-dirs", b"--from0", b"--no-recursive"} <= set(argv)


def test_windows_gets_no_modes_and_owners() -> None:
    windows = replace(order().host, platform=Platform.WINDOWS)
    for argv in every_argv(order(host=windows)):
        assert {b"--no-perms", b"--no-owner", b"--no-group"} <= set(argv)


def test_an_odd_target_is_quoted_by_us_and_by_nobody_else() -> None:
    for argv in every_argv(order(target_path="/home/u/a\n`b`'c")):
        assert b"--old-args" in argv
        assert argv[-1] == b"pc:'/home/u/a\n`b`'\\''c/'"


def test_names_are_listed_so_that_rsync_takes_each_for_a_name() -> None:
    names = [RelPath(name) for name in (b"#a", b";b", b"-rf", b"a\nb", b"d/\xff")]
    assert listed(names) == b"./#a\0./;b\0./-rf\0./a\nb\0./d/\xff\0"


def test_the_folder_for_half_sent_files_is_none_that_is_restored() -> None:
    assert partial_name([RelPath(b"a")]) == ".bck-partial"
    assert partial_name([RelPath(b"a/.bck-partial/b"), RelPath(b".bck-partial-2")]) == ".bck-partial-3"


@pytest.mark.parametrize("suffix", ["", "a/b", "\n", "é"])
def test_a_suffix_that_no_name_can_take_is_refused(suffix: str) -> None:
    with pytest.raises(InvalidInputError):
        order(suffix=suffix)
