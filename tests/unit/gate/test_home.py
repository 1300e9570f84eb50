"""Where the home of the gate's account begins and ends."""

from __future__ import annotations

import pytest

from bck_apps.gate.home import home_at, lies_in_home, reaches_home
from bckcore.domain.host_path import parsed_path
from bckcore.domain.host_platform import Platform


@pytest.mark.parametrize(
    ("home", "path", "lies", "reaches"),
    [
        ("/home/b", "/home/b", True, True),
        ("/home/b", "/home/b/docs/x", True, True),
        ("/home/b", "/home", False, True),
        ("/home/b", "/", False, True),
        ("/home/b", "/home/bb", False, False),
        ("/home/b", "/srv", False, False),
        # Some accounts of the system have / for a home, and yet there are places to restore to.
        ("/", "/", True, True),
        ("/", "/.ssh/x", True, True),
        ("/", "/srv/x", False, False),
        ("", "/.ssh", True, True),
    ],
)
def test_what_lies_in_a_home_and_what_reaches_it(home: str, path: str, lies: bool, reaches: bool) -> None:
    place, found = parsed_path(path, Platform.POSIX), home_at(home, Platform.POSIX)
    assert (lies_in_home(place, found), reaches_home(place, found)) == (lies, reaches)


def test_a_mac_takes_both_cases_for_one() -> None:
    home = home_at("/Users/b", Platform.MACOS)
    assert lies_in_home(parsed_path("/users/B/.ssh", Platform.MACOS), home)
