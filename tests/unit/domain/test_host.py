"""A host's allow-list holds by component, and its address can never be taken for an option."""

import pytest

from bckcore.domain.host import Host, Platform
from bckcore.domain.host_path import parsed_path
from bckcore.domain.ids import HostId
from bckcore.errors import InvalidInputError, PathNotAllowedError


def host(*roots: str, address: str = "pc1.lan", user: str = "backupsvc", port: int = 22) -> Host:
    return Host(id=HostId("pc1"), address=address, user=user, port=port, allowed_roots=roots)


@pytest.mark.parametrize(
    "path", ["/home/u", "/home/u/", "/home/u/docs", "/home/u/docs/deep er", "/home/u/..x"]
)
def test_an_allowed_root_and_all_below_it_may_be_read(path: str) -> None:
    host("/home/u").require_allowed(path)


@pytest.mark.parametrize("path", ["/home/user2", "/home/u2/x", "/home", "/", "/etc", "/HOME/u", "/home/u\n"])
def test_a_neighbour_with_a_longer_name_and_everything_else_may_not(path: str) -> None:
    with pytest.raises(PathNotAllowedError, match="/home/u"):
        host("/home/u").require_allowed(path)


@pytest.mark.parametrize("path", ["/home/u/../v", "/home/u/..", "home/u", "", "/home/u/\0"])
def test_a_path_that_goes_up_or_is_not_full_is_no_path_at_all(path: str) -> None:
    with pytest.raises(InvalidInputError):
        host("/home/u").require_allowed(path)


def test_the_root_folder_allows_everything() -> None:
    for path in ("/", "/etc/passwd", "/home/u"):
        host("/").require_allowed(path)


def test_an_empty_list_allows_nothing_and_says_so() -> None:
    with pytest.raises(PathNotAllowedError, match="none yet"):
        host().require_allowed("/home/u")


@pytest.mark.parametrize("root", ["/home/u/", "//home/u", "/home/./u", "home", "/home/../etc", ""])
def test_allowed_roots_are_full_normal_paths(root: str) -> None:
    with pytest.raises(InvalidInputError):
        host(root)


@pytest.mark.parametrize(
    ("raw", "normal"),
    [("/", "/"), ("//", "/"), ("/a/", "/a"), ("//a//b/", "/a/b"), ("/a/./b", "/a/b"), ("/a b", "/a b")],
)
def test_paths_have_one_normal_form(raw: str, normal: str) -> None:
    assert parsed_path(raw, Platform.POSIX).text == normal
    assert parsed_path(normal, Platform.POSIX).text == normal


@pytest.mark.parametrize("address", ["-oProxyCommand=x", "a b", "a\nb", "\x07"])
def test_an_address_or_user_cannot_be_an_option_or_hold_blanks(address: str) -> None:
    with pytest.raises(InvalidInputError):
        host(address=address)
    with pytest.raises(InvalidInputError):
        host(user=address)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_ports_are_ports(port: int) -> None:
    with pytest.raises(InvalidInputError):
        host(port=port)


@pytest.mark.parametrize(
    ("roots", "path", "guarded"),
    [
        (("/home/u",), "/home/u/docs/work", ("/home/u", "/home/u/docs", "/home/u/docs/work")),
        (("/home/u",), "/home/u", ("/home/u",)),
        (("/home/u/docs", "/home/u"), "/home/u/docs", ("/home/u", "/home/u/docs")),
        (("/",), "/home/u", ("/home", "/home/u")),
        (("/",), "/", ()),
        (("/home/u2",), "/home/u/docs", ("/home/u/docs",)),
        ((), "/home/u/docs", ("/home/u/docs",)),
    ],
)
def test_guarded_are_the_path_and_all_above_it_up_to_the_outermost_allowed_root(
    roots: tuple[str, ...], path: str, guarded: tuple[str, ...]
) -> None:
    assert host(*roots).guarded_folders(path) == guarded


def test_a_refused_link_is_named_with_where_it_leads_as_far_as_known() -> None:
    error = host().link_refused("/home/u/docs", "/home/u", "/etc")
    assert error.what == "/home/u is a link to /etc on pc1, and /home/u/docs lies below it."
    assert host().link_refused("/home/u", "/home/u").what == "/home/u is a link on pc1."
    assert error.meaning
    assert error.advice


@pytest.mark.parametrize(
    ("platform", "root", "path"),
    [
        (Platform.WINDOWS, "/cygdrive/c/Users/u", "/cygdrive/C/USERS/U/docs"),
        (Platform.WINDOWS, "/cygdrive/c/Users/u", "C:\\users\\u"),
        (Platform.WINDOWS, "/cygdrive/c/Users/u", "\\\\?\\c:\\Users\\u\\x"),
        (Platform.MACOS, "/Users/u", "/users/U/docs"),
        (Platform.MACOS, "/Users/\u00e9", "/Users/e\u0301/docs"),
    ],
)
def test_names_are_compared_as_the_platform_does(platform: Platform, root: str, path: str) -> None:
    Host(id=HostId("pc1"), address="pc1", platform=platform, allowed_roots=(root,)).require_allowed(path)
    with pytest.raises((InvalidInputError, PathNotAllowedError)):
        host(root).require_allowed(path)


def test_a_stored_root_that_is_no_path_on_the_platform_allows_nothing_and_keeps_the_host_loadable() -> None:
    windows = Host(
        id=HostId("pc1"), address="pc1", platform=Platform.WINDOWS, allowed_roots=("/cygdrive/c/PROGRA~1",)
    )
    with pytest.raises(PathNotAllowedError):
        windows.require_allowed("/cygdrive/c/Program Files")


def test_guarded_folders_on_windows_are_those_that_rsync_there_names() -> None:
    windows = Host(
        id=HostId("pc1"), address="pc1", platform=Platform.WINDOWS, allowed_roots=("/cygdrive/c/Users",)
    )
    assert windows.guarded_folders("C:\\users\\u") == ("/cygdrive/c/users", "/cygdrive/c/users/u")
