"""Profiles, options, entries, roles: the rules of the smaller values."""

from dataclasses import replace

import pytest

from bckcore.domain.access import Permission, Principal, Role
from bckcore.domain.file_version import EntryKind
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.profile import Profile
from bckcore.domain.run import ChangeCounts
from bckcore.domain.source import parsed_sources
from bckcore.domain.transfer import TransferOptions
from bckcore.errors import BckError, InvalidInputError
from tests.support.values import entry


def profile(name: str = "docs", excludes: tuple[str, ...] = ()) -> Profile:
    sources = parsed_sources(["/home/u"])
    return Profile(id=ProfileId(name), host=HostId("pc1"), sources=sources, excludes=excludes)


@pytest.mark.parametrize("rule", ["", "  ", "a\nb", "a\0"])
def test_an_exclude_pattern_is_one_line_with_something_in_it(rule: str) -> None:
    with pytest.raises(InvalidInputError):
        profile(excludes=("*.tmp", rule))


def test_a_profile_name_is_a_name() -> None:
    with pytest.raises(InvalidInputError):
        profile("../x")


@pytest.mark.parametrize(
    "wrong",
    [
        {"bandwidth_limit": 1023},
        {"attempts": 0},
        {"connect_timeout": 0},
        {"idle_timeout": -1},
        {"total_timeout": -1},
        {"total_timeout": 0},
        {"connect_timeout": 3_601},
        {"idle_timeout": 86_401},
        {"total_timeout": 31 * 86_400 + 1},
        {"attempts": 101},
    ],
)
def test_options_are_sensible(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidInputError):
        replace(TransferOptions(), **wrong)  # type: ignore[arg-type]  # ints only


def test_counts_add_up() -> None:
    one = ChangeCounts(files=1, bytes=2, added=3, changed=4, gone=5)
    assert one + one == ChangeCounts(files=2, bytes=4, added=6, changed=8, gone=10)


def test_same_content_is_decided_by_digest_where_both_know_it_else_by_time() -> None:
    plain = entry(b"a", mtime_ns=1)
    later = replace(plain, mtime_ns=2)
    assert not plain.same_content(later)
    known, same, other = (
        replace(plain, digest=b"1"),
        replace(later, digest=b"1"),
        replace(plain, digest=b"2"),
    )
    assert known.same_content(same)
    assert not known.same_content(other)
    assert known.same_content(plain)
    assert not known.same_content(replace(same, size=9))


def test_links_and_folders_have_no_content_but_their_target_and_kind() -> None:
    link = replace(entry(b"l", EntryKind.LINK, size=0), target=b"a")
    assert link.same_content(replace(link, mtime_ns=99))
    assert not link.same_content(replace(link, target=b"b"))
    assert not link.same_content(entry(b"l", size=0))


@pytest.mark.parametrize(
    ("role", "granted"),
    [
        (Role.ADMIN, set(Permission)),
        (Role.OPERATOR, set(Permission) - {Permission.CONFIGURE, Permission.AUDIT}),
        (Role.OWNER, set(Permission) - {Permission.CONFIGURE, Permission.AUDIT, Permission.RESTORE_HERE}),
        (Role.VIEWER, {Permission.READ, Permission.WATCH, Permission.OWN_ACCOUNT}),
        (Role.AUDITOR, {Permission.READ, Permission.WATCH, Permission.OWN_ACCOUNT, Permission.AUDIT}),
    ],
)
def test_roles_grant_what_they_should(role: Role, granted: set[Permission]) -> None:
    who = Principal(name="ada", role=role)
    assert {permission for permission in Permission if who.may(permission)} == granted


@pytest.mark.parametrize("permission", Permission)
def test_what_is_not_permitted_is_told_in_words(permission: Permission) -> None:
    assert " " in permission.deed
    assert "-" not in permission.deed


def test_an_error_reads_as_what_happened_what_it_means_what_to_do() -> None:
    assert str(BckError("It broke.", meaning="Nothing is lost.", advice="Try again.")) == (
        "It broke. Nothing is lost. Try again."
    )


def tree(kind: type[BckError]) -> list[type[BckError]]:
    """The class and all below it."""
    return [kind, *(below for child in kind.__subclasses__() for below in tree(child))]


def test_every_error_says_all_three_also_when_its_raiser_gave_one() -> None:
    for kind in tree(BckError):
        error = kind("It broke.")
        assert error.what == "It broke."
        assert error.meaning, kind
        assert error.advice, kind
