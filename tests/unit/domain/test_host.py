"""A host's allow-list holds by component, and its address can never be taken for an option."""

import pytest

from bckcore.domain.host import Host, normal_posix_path
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
    assert normal_posix_path(raw) == normal
    assert normal_posix_path(normal) == normal


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
