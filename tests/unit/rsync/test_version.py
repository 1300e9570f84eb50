"""An rsync with known holes is refused; a distribution's repaired build is recognised if it is one."""

import gzip
import os
from pathlib import Path

import pytest

from bck_adapters.rsync.routes import LocalRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.rsync.version import (
    can_resume,
    is_patched,
    is_safe,
    open_holes,
    parsed_version,
    require_local_rsync,
)
from bckcore.errors import RsyncMissingError


@pytest.fixture
def programs(tmp_path: Path):
    """Makes the programs that a machine has; gives its search path."""

    def made(
        version: str, package: str = "", *, owner: str = "", changed: str = "", changelog: bytes = b""
    ) -> str:
        rsync = tmp_path / "rsync"
        answers = {"rsync": f"rsync  version {version}  protocol version 31"}
        if package:
            owned = owner or f"rsync: {rsync}"
            verify = "\n".join(f"??5??????   {path.format(rsync=rsync)}" for path in changed.split())
            told = tmp_path / "changelog.Debian.gz"
            told.write_bytes(changelog)
            listed = f"/.\n{rsync}\n{told.parent}/changelog.gz\n{told}"
            search = (
                f'case "$1" in --search) echo "{owned}";; --show) printf %s "{package}";; '
                f'--listfiles) echo "{listed}";; esac'
            )
            (tmp_path / "dpkg-query").write_text(f"#!/bin/sh\n{search}\n")
            (tmp_path / "dpkg").write_text(f'#!/bin/sh\necho "{verify}"\n')
        for name, text in answers.items():
            (tmp_path / name).write_text(f'#!/bin/sh\necho "{text}"\n')
        for path in tmp_path.iterdir():
            path.chmod(0o755)
        return str(tmp_path)

    return made


def test_a_transport_says_of_itself_whether_its_rsync_goes_on_inside_a_file(programs, tmp_path):
    cannot = RsyncTransport(route=LocalRoute(), search_path=programs("3.4.1"))  # it stores nothing
    assert not cannot.resumes()
    nothing = RsyncTransport(route=LocalRoute(), search_path=str(tmp_path / "empty"))
    assert not nothing.resumes()
    real = RsyncTransport(route=LocalRoute())
    assert real.resumes() is can_resume(os.environ["PATH"], tmp_path)


def test_what_could_not_be_tried_is_tried_again(monkeypatch):
    tries = iter([OSError("no room"), True])

    def tried(_search_path, _folder):
        found = next(tries)
        if isinstance(found, OSError):
            raise found
        return found

    monkeypatch.setattr("bck_adapters.rsync.transport.can_resume", tried)
    transport = RsyncTransport(route=LocalRoute())
    assert [transport.resumes() for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize("version", ["3.4.0", "3.4.1", "3.5.0", "4.0.0"])
def test_a_version_without_known_holes_is_taken(programs, version):
    require_local_rsync(programs(version))


LATER = ("CVE-2026-43618", "CVE-2026-43620")
ALL = ("CVE-2025-10158", *LATER)
NAMED = b"rsync (3.4.1+ds1-5+deb13u1) trixie\n\n  * Import upstream patch to fix CVE-2025-10158\n"


@pytest.mark.parametrize(
    ("version", "holes"),
    [("3.4.0", ALL), ("3.4.1", ALL), ("3.4.2", LATER), ("3.4.3", ()), ("3.5.0", ()), ("4.0.0", ())],
)
def test_a_hole_is_open_until_the_version_that_closed_it(programs, version, holes):
    search_path = programs(version)
    assert open_holes(search_path) == holes
    require_local_rsync(search_path)


def test_a_build_whose_changelog_names_a_hole_has_it_closed(programs):
    package = ("3.4.1", "3.4.1+ds1-5+deb13u1")
    assert open_holes(programs(*package, changelog=gzip.compress(NAMED))) == LATER
    both = gzip.compress(NAMED + b"  * CVE-2026-43618, CVE-2026-43620: patches\n")
    assert open_holes(programs(*package, changelog=both)) == ()
    assert open_holes(programs("3.2.7", "3.2.7-1+deb12u6", changelog=gzip.compress(NAMED))) == LATER


@pytest.mark.parametrize(
    "changelog",
    [
        b"",
        b"CVE-2025-10158",
        gzip.compress(b"CVE-2025-101580, XCVE-2025-10158 and 2025-10158"),
        gzip.compress(NAMED)[:-30],
        gzip.compress(b" " * (5 << 20) + NAMED),
    ],
    ids=["empty", "not packed", "another name", "cut off", "too far behind"],
)
def test_a_changelog_that_names_another_or_cannot_be_read_closes_nothing(programs, changelog):
    assert open_holes(programs("3.4.1", "3.4.1+ds1-5", changelog=changelog)) == ALL


@pytest.mark.parametrize("lie", [{"owner": "dpkg-query: no path found"}, {"changed": "{rsync}"}])
def test_the_changelog_of_a_package_says_nothing_of_another_program(programs, lie):
    assert open_holes(programs("3.4.1", "3.4.1+ds1-5+deb13u1", changelog=gzip.compress(NAMED), **lie)) == ALL


@pytest.mark.parametrize("version", ["3.2.4", "3.2.7", "3.3.0"])
def test_one_with_known_holes_is_refused_with_what_to_install(programs, version):
    with pytest.raises(RsyncMissingError, match="CVE-2024-12084") as caught:
        require_local_rsync(programs(version))
    assert "apt-get install rsync" in caught.value.advice


def test_one_that_cannot_do_what_is_needed_is_refused_as_too_old(programs):
    with pytest.raises(RsyncMissingError, match="the oldest that can be used"):
        require_local_rsync(programs("3.2.3", "3.2.3-4+deb11u3"))


def test_a_repaired_build_is_taken(programs):
    require_local_rsync(programs("3.2.7", "3.2.7-1+deb12u2"))


def test_a_program_that_lies_elsewhere_than_the_repaired_package_is_refused(programs):
    with pytest.raises(RsyncMissingError, match="known holes"):
        require_local_rsync(programs("3.2.7", "3.2.7-1+deb12u2", owner="dpkg-query: no path found"))


def test_a_program_that_was_changed_since_its_package_was_installed_is_refused(programs):
    with pytest.raises(RsyncMissingError, match="known holes"):
        require_local_rsync(programs("3.2.7", "3.2.7-1+deb12u2", changed="{rsync} {rsync}-ssl"))


def test_a_changed_configuration_of_the_package_says_nothing_of_the_program(programs):
    require_local_rsync(programs("3.2.7", "3.2.7-1+deb12u2", changed="/etc/default/rsync /etc/init.d/rsync"))


@pytest.mark.parametrize(
    ("package", "good"),
    [
        ("3.2.7-1+deb12u1", False),  # closed the holes and broke links; the next one repaired that
        ("3.2.7-1+deb12u2", True),
        ("3.2.7-1+deb12u10", True),
        ("3.2.7-1", False),
        ("3.2.7-2+deb12u9", False),
        ("3.3.0+ds1-2", False),
        ("3.3.0+ds1-4", True),
        ("3.2.7-1ubuntu1.1", False),
        ("3.2.7-1ubuntu1.2", True),
        ("3.2.7-0ubuntu0.22.04.2", False),
        ("3.2.7-0ubuntu0.22.04.4", True),
        ("3.2.3-4+deb11u3", False),
        ("", False),
        ("3.2.7-1+deb12u" + "9" * 5000, True),
    ],
)
def test_builds_are_told_apart(package, good):
    assert is_patched(package) is good


def test_versions_are_read_from_what_rsync_prints():
    assert parsed_version(b"rsync  version v3.4.1  protocol version 32\n") == (3, 4, 1)
    assert parsed_version(b"openrsync: protocol version 29") is None
    assert is_safe((3, 4, 0))
    assert not is_safe((3, 3, 9))
