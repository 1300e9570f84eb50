"""The command that is started is the one design and laws ask for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.rsync.argv import (
    LOCAL_SHELL,
    Invocation,
    environment,
    look_argv,
    open_argv,
    pull_argv,
    quoted_word,
    remote_path,
)
from bckcore.domain.host import Host, Platform
from bckcore.domain.ids import HostId, RunId, SourceName
from bckcore.domain.source import Source
from bckcore.domain.transfer import PullOrder, TransferOptions

CALL = Invocation(remote_shell=LOCAL_SHELL, tag="0123456789abcdef")


def order(path: str = "/home/u/docs", options: TransferOptions | None = None) -> PullOrder:
    """An order whose folders lie below /s."""
    return PullOrder(
        run=RunId("20260102T030405Z-0badcafe"),
        attempt=1,
        host=Host(id=HostId("pc1"), address="pc1", allowed_roots=("/home",)),
        source=Source(name=SourceName("docs"), path=path),
        filters=(),
        options=options or TransferOptions(),
        destination=Path("/s/current/pc1/docs/docs"),
        displaced_dir=Path("/s/.work/a/1/d"),
        partial_dir=Path("/s/.work/p"),
        temp_dir=Path("/s/.work/a/1/t"),
        work_dir=Path("/s/.work/a/1/w"),
    )


def argv(**changes: object) -> list[bytes]:
    """The pull command for an order with those changes."""
    return pull_argv(replace(order(), **changes), CALL, ())  # type: ignore[arg-type]  # fields by name


def test_nothing_is_ever_deleted_or_moved_on_the_pc() -> None:
    forbidden = (b"--delete", b"--remove", b"--inplace", b"--append", b"--secluded-args", b"-s", b"--ignore-")
    assert [arg for arg in argv() if arg.startswith(forbidden)] == []


def test_laws_of_history_stand_on_the_command_line() -> None:
    wanted = {
        b"--archive",
        b"--fake-super",
        b"--force",
        b"--sparse",
        b"--numeric-ids",
        b"--modify-window=-1",
        b"--checksum-choice=xxh128",
        b"--backup",
        b"--backup-dir=/s/.work/a/1/d",
        b"--partial-dir=/s/.work/p",
        b"--temp-dir=/s/.work/a/1/t",
        b"--max-alloc=1G",
        b"--timeout=300",
        b"-ii",
    }
    assert wanted - set(argv()) == set()


def test_contents_of_one_source_go_into_the_destination() -> None:
    assert argv()[-3:] == [b"--", b"pc:/home/u/docs/", b"/s/current/pc1/docs/docs/"]


def test_every_listed_line_opens_with_the_tag_and_ends_with_the_name() -> None:
    assert b"--out-format=0123456789abcdef%i %20l %M %32C 0123456789abcdef%n" in argv()


def test_windows_hosts_keep_their_permissions_to_themselves() -> None:
    windows = argv(host=replace(order().host, platform=Platform.WINDOWS))
    assert {b"--no-perms", b"--no-owner", b"--no-group", b"--chmod=D700,F600"} <= set(windows)
    assert b"--no-perms" not in argv()


def test_options_of_the_profile_are_passed_on() -> None:
    options = TransferOptions(compress=True, bandwidth_limit=10 << 20, idle_timeout=7)
    assert {b"--compress", b"--bwlimit=10240", b"--timeout=7"} <= set(argv(options=options))
    assert not any(arg.startswith((b"--compress", b"--bwlimit")) for arg in argv())


def test_filters_come_in_the_order_given() -> None:
    rules = [b"--filter=S /a", b"--filter=H *.tmp"]
    found = [arg for arg in pull_argv(order(), CALL, rules) if arg.startswith(b"--filter=")]
    assert found == rules


@pytest.mark.parametrize(
    ("path", "argument"),
    [
        ("/a b", b"pc:/a b/"),
        ("/c/Program Files (x86)", b"pc:/c/Program Files (x86)/"),
        ("/a*b?[c]", b"pc:'/a*b?[c]/'"),
        ("/`id`", b"pc:'/`id`/'"),
        ("/-x", b"pc:/-x/"),
        ("/", b"pc:/"),
        ("/it's\n", b"pc:'/it'\\''s\n/'"),
        ("/\udcff", b"pc:/\xff/"),
    ],
)
def test_source_root_is_named_literally(path: str, argument: bytes) -> None:
    assert remote_path(path, inside=True) == argument


def test_only_odd_roots_need_our_own_quoting() -> None:
    assert b"--old-args" not in argv()
    assert b"--old-args" in argv(source=Source(name=SourceName("docs"), path="/a\nb"))


def test_opening_a_folder_lists_nothing_of_it() -> None:
    argv = open_argv("ssh", "/a", timeout=9)
    assert argv[-1] == b"pc:/a/"
    assert b"--filter=- *" in argv


def test_looking_names_each_path_itself_by_its_full_name() -> None:
    argv = look_argv("ssh", ["/a", "/a/b"], timeout=9)
    assert argv[argv.index(b"--") + 1 : -1] == [b"pc:/a", b"pc:/a/b"]
    assert {b"--list-only", b"--relative", b"--no-implied-dirs"} <= {*argv}
    assert b"--old-args" not in argv


def test_one_odd_path_among_several_has_all_of_them_quoted_by_us() -> None:
    argv = look_argv("ssh", ["/a b", "/a b/c*"], timeout=9)
    assert argv[argv.index(b"--") + 1 : -1] == [b"pc:'/a b'", b"pc:'/a b/c*'"]
    assert b"--old-args" in argv


def test_environment_holds_nothing_of_the_callers() -> None:
    assert environment("/bin") == {"PATH": "/bin", "LC_ALL": "C", "TZ": "UTC0", "HOME": "/nonexistent"}


def test_words_of_the_remote_shell_are_quoted_as_rsync_reads_them() -> None:
    assert quoted_word('/a "b" c') == '"/a ""b"" c"'
