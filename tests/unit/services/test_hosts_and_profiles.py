"""Hosts are trusted before they are used; profiles stay within what their host allows."""

from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.memory import MemoryDatabase, MemoryJobQueue, MemorySshKeys, MemoryVault, SettableClock
from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bck_adapters.rsync.filters import GitIgnoreFilter
from bck_adapters.storage_fs import FsOwnGround, FsStorage
from bck_adapters.testkit.samples import sample_run
from bckcore.domain.host import Host, Platform
from bckcore.domain.ids import HostId, ProfileId, SecretRef
from bckcore.domain.login import Login
from bckcore.domain.profile import Profile
from bckcore.domain.secret import Secret
from bckcore.domain.source import parsed_sources
from bckcore.errors import (
    AuthenticationError,
    ConflictError,
    HostKeyUnknownError,
    HostUnreachableError,
    InvalidInputError,
    NotFoundError,
    PathNotAllowedError,
    PathRefusedError,
    RefusedError,
)
from bckcore.services.credentials import Credentials
from bckcore.services.former_host import FormerHosts
from bckcore.services.host_login import HostLogins
from bckcore.services.hosts import HostChange, HostService
from bckcore.services.own_ground import Borders
from bckcore.services.presence import PresenceService, Sign
from bckcore.services.profiles import ProfileService
from tests.support.logins import memory_authority
from tests.support.remote import RemoteTransport
from tests.support.sshd import new_key

PC1, PC2 = HostId("pc1"), HostId("pc2")
KEY, ANOTHER = Secret(new_key().private), Secret(new_key().private)
PINNED, SHOWN = ("ssh-ed25519 AAAApinned",), ("ssh-ed25519 AAAAshown",)


class Office:
    """Services for hosts and profiles over memory."""

    def __init__(self, *, remote: bool = True) -> None:
        self.clock = SettableClock()
        self.database = MemoryDatabase(self.clock)
        self.vault = MemoryVault()
        self.pcs = {PC1: MemoryHost(host_keys=SHOWN), PC2: MemoryHost(host_keys=SHOWN)}
        kind = RemoteTransport if remote else MemoryTransport
        transport = kind(self.pcs)
        self.authority = memory_authority(self.vault, clock=self.clock, addresses=("192.0.2.1",))
        self.keys = MemorySshKeys()
        self.logins = HostLogins(
            units=self.database.units,
            vault=self.vault,
            keys=self.keys,
            authority=self.authority,
            server_name="server",
        )
        self.hosts = HostService(
            units=self.database.units,
            vault=self.vault,
            credentials=Credentials(self.vault, self.authority),
            logins=self.logins,
            transport_for=lambda host: transport,
            former=FormerHosts(storage=FsStorage(Path("/nonexistent/storage")), queue=self.database.queue),
            clock=self.clock,
        )
        self.profiles = ProfileService(
            units=self.database.units,
            filters=GitIgnoreFilter,
            borders=Borders(transport_for=lambda host: transport, ground=FsOwnGround(private=())),
            queue=MemoryJobQueue(self.clock),
            clock=self.clock,
        )

    def with_host(self, name: HostId = PC1, *roots: str) -> "Office":
        """The same with a trusted host."""
        self.hosts.add(host(name, *(roots or ("/home/u",))), key=KEY, trust_on_first_use=True)
        return self


def host(name: HostId = PC1, *roots: str, keys: tuple[str, ...] = (), address: str = "pc.lan") -> Host:
    return Host(id=name, address=address, transport="memory", host_keys=keys, allowed_roots=roots)


def profile(*sources: str, name: str = "docs", of: HostId = PC1, excludes: tuple[str, ...] = ()) -> Profile:
    return Profile(id=ProfileId(name), host=of, sources=parsed_sources(sources), excludes=excludes)


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_host_is_saved_with_the_key_it_showed_and_its_private_key_in_the_vault(office: Office) -> None:
    saved = office.hosts.add(host(PC1, "/home/u"), key=KEY, trust_on_first_use=True)
    assert office.hosts.get(PC1) == saved
    assert (saved.host_keys, saved.key) == (SHOWN, "host/pc1/ssh")
    assert office.vault.get(SecretRef("host/pc1/ssh")).reveal() == KEY.reveal()


def test_without_trust_on_first_use_a_key_must_be_given(office: Office) -> None:
    with pytest.raises(HostKeyUnknownError, match="pretends to be"):
        office.hosts.add(host(), key=KEY)
    assert office.hosts.list() == []
    assert office.hosts.add(host(keys=PINNED), key=KEY).host_keys == PINNED


def test_a_given_host_key_is_never_replaced_by_the_one_that_is_shown(office: Office) -> None:
    assert office.hosts.add(host(keys=PINNED), key=KEY, trust_on_first_use=True).host_keys == PINNED


def test_a_host_that_shows_no_key_cannot_be_trusted_on_first_use(office: Office) -> None:
    office.pcs[PC1].host_keys = ()
    with pytest.raises(HostKeyUnknownError):
        office.hosts.add(host(), key=KEY, trust_on_first_use=True)


def test_a_host_without_address_or_key_is_refused(office: Office) -> None:
    with pytest.raises(InvalidInputError, match="address"):
        office.hosts.add(host(address=""), key=KEY, trust_on_first_use=True)
    with pytest.raises(InvalidInputError, match="private key"):
        office.hosts.add(host(), key=None, trust_on_first_use=True)


def test_a_transport_that_is_not_remote_needs_neither() -> None:
    office = Office(remote=False)
    saved = office.hosts.add(host(address=""), key=None)
    assert (saved.key, saved.host_keys) == (None, ())


def test_a_host_that_does_not_answer_is_not_saved(office: Office) -> None:
    with pytest.raises(HostUnreachableError):
        office.hosts.add(host(HostId("pc9")), key=KEY, trust_on_first_use=True)
    assert office.hosts.list() == []


def test_a_name_that_is_taken_is_a_conflict_and_the_first_key_stays(office: Office) -> None:
    office.with_host()
    with pytest.raises(ConflictError, match="exists already"):
        office.hosts.add(host(), key=ANOTHER, trust_on_first_use=True)
    assert office.vault.get(SecretRef("host/pc1/ssh")).reveal() == KEY.reveal()


def test_folders_of_a_windows_pc_are_given_as_people_there_do_and_kept_as_rsync_takes_them(
    office: Office,
) -> None:
    windows = replace(host(), platform=Platform.WINDOWS)
    office.hosts.add(windows, key=KEY, trust_on_first_use=True)
    saved = office.hosts.change(PC1, HostChange(allowed_roots=("C:\\Users\\u", "c:/Users/u/", "D:\\")))
    assert saved.allowed_roots == ("/cygdrive/c/Users/u", "/cygdrive/d")
    made = office.profiles.add(profile("c:\\USERS\\u\\Documents", "music=D:\\Music"))
    assert [(source.name, source.path) for source in made.sources] == [
        ("c-documents", "/cygdrive/c/USERS/u/Documents"),
        ("music", "/cygdrive/d/Music"),
    ]
    for refused in ("C:\\Users\\u2", "E:\\", "C:\\Users"):
        with pytest.raises(PathNotAllowedError, match="outside the folders"):
            office.profiles.add(profile(refused, name="other"))
    with pytest.raises(PathRefusedError, match="short name"):
        office.profiles.add(profile("C:\\Users\\u\\PROGRA~1", name="other"))
    with pytest.raises(InvalidInputError, match="overlap"):
        office.profiles.add(profile("C:\\Users\\u\\a", "x=c:\\users\\U\\A\\b", name="other"))
    with pytest.raises(PathRefusedError, match="another machine"):
        office.hosts.change(PC1, HostChange(allowed_roots=("\\\\server\\share",)))


def test_allowed_roots_are_kept_once_each(office: Office) -> None:
    assert office.hosts.add(host(PC1, "/b", "/a", "/b"), key=KEY, trust_on_first_use=True).allowed_roots == (
        "/b",
        "/a",
    )


def test_a_change_touches_only_what_is_given(office: Office) -> None:
    before = office.with_host().hosts.get(PC1)
    after = office.hosts.change(PC1, HostChange(address="10.0.0.9", port=2222, user="bob"))
    assert after == replace(before, address="10.0.0.9", port=2222, user="bob")
    assert office.hosts.get(PC1) == after
    assert office.vault.get(SecretRef("host/pc1/ssh")).reveal() == KEY.reveal()


def test_a_new_private_key_takes_the_place_of_the_old_one(office: Office) -> None:
    office.with_host().hosts.change(PC1, HostChange(), key=ANOTHER)
    assert office.vault.get(SecretRef("host/pc1/ssh")).reveal() == ANOTHER.reveal()


def test_what_is_no_private_key_never_gets_into_the_vault(office: Office) -> None:
    with pytest.raises(InvalidInputError, match="no private key"):
        office.hosts.add(host(), key=Secret("garbage"), trust_on_first_use=True)
    assert office.hosts.list() == []
    office.with_host()
    with pytest.raises(InvalidInputError, match="damaged"):
        office.hosts.change(PC1, HostChange(port=2222), key=Secret(KEY.reveal().replace("b3Bl", "")))
    assert office.hosts.get(PC1).port == 22
    assert office.vault.get(SecretRef("host/pc1/ssh")).reveal() == KEY.reveal()


def test_the_shown_key_is_pinned_instead_only_when_it_is_asked_for(office: Office) -> None:
    office.with_host()
    office.pcs[PC1].host_keys = PINNED
    assert office.hosts.change(PC1, HostChange(address="new.lan")).host_keys == SHOWN
    assert office.hosts.change(PC1, HostChange(), trust_on_first_use=True).host_keys == PINNED
    assert office.hosts.change(PC1, HostChange(host_keys=SHOWN)).host_keys == SHOWN
    given = office.hosts.change(PC1, HostChange(host_keys=SHOWN), trust_on_first_use=True)
    assert given.host_keys == SHOWN, "a key that is given is never replaced by the one that is shown"


@pytest.mark.parametrize(
    ("change", "trust", "error"),
    [
        (HostChange(address=""), False, InvalidInputError),
        (HostChange(address="-oProxyCommand=x"), False, InvalidInputError),
        (HostChange(port=0), False, InvalidInputError),
        (HostChange(allowed_roots=("/home/../etc",)), False, InvalidInputError),
        (HostChange(host_keys=()), False, HostKeyUnknownError),
        (HostChange(user="bob"), True, HostKeyUnknownError),
    ],
)
def test_a_change_that_makes_no_sense_changes_nothing(
    office: Office, change: HostChange, trust: bool, error: type[Exception]
) -> None:
    before = office.with_host().hosts.get(PC1)
    office.pcs[PC1].host_keys = ()
    with pytest.raises(error):
        office.hosts.change(PC1, change, key=ANOTHER, trust_on_first_use=trust)
    assert office.hosts.get(PC1) == before
    assert office.vault.get(SecretRef("host/pc1/ssh")).reveal() == KEY.reveal()


def test_an_allow_list_must_go_on_covering_the_sources_of_its_profiles(office: Office) -> None:
    office.with_host().with_host(PC2)
    office.profiles.add(profile("/home/u/docs"))
    office.profiles.add(profile("/home/u/other", name="other", of=PC2))
    with pytest.raises(ConflictError, match="Profile docs backs up /home/u/docs"):
        office.hosts.change(PC1, HostChange(allowed_roots=("/home/u/doc", "/srv"), port=2222))
    assert (office.hosts.get(PC1).allowed_roots, office.hosts.get(PC1).port) == (("/home/u",), 22)
    narrower = office.hosts.change(PC1, HostChange(allowed_roots=("/home/u/docs/", "/srv", "/srv")))
    assert narrower.allowed_roots == ("/home/u/docs", "/srv")


def test_an_unknown_host_cannot_be_changed(office: Office) -> None:
    with pytest.raises(NotFoundError):
        office.hosts.change(PC1, HostChange(port=2222))


def test_a_host_in_use_is_not_removed(office: Office) -> None:
    office.with_host().profiles.add(profile("/home/u/docs"))
    with pytest.raises(ConflictError):
        office.hosts.remove(PC1)
    assert office.vault.get(SecretRef("host/pc1/ssh")) is not None


def test_a_removed_host_takes_its_key_along(office: Office) -> None:
    office.with_host().hosts.remove(PC1)
    with pytest.raises(NotFoundError):
        office.vault.get(SecretRef("host/pc1/ssh"))
    with pytest.raises(NotFoundError):
        office.hosts.remove(PC1)


def test_a_removed_host_takes_along_what_it_said_of_itself(office: Office) -> None:
    office.with_host()
    PresenceService(units=office.database.units, clock=office.clock).heard(PC1, Sign(idle=True))
    office.hosts.remove(PC1)
    with office.database.units(read_only=True) as uow:
        assert list(uow.presences.list()) == []


def test_probing_looks_at_the_allowed_folders_with_the_hosts_key(office: Office) -> None:
    office.pcs[PC1].source("/home/u")
    office.pcs[PC1].key = KEY.reveal()
    office.with_host(PC1, "/home/u", "/srv")
    facts = office.hosts.probe(PC1)
    assert facts.sources == (("/home/u", True), ("/srv", False))
    with pytest.raises(NotFoundError):
        office.hosts.probe(PC2)


def test_a_password_is_taken_for_one_look_and_not_kept(office: Office) -> None:
    office.pcs[PC1].source("/home/u")
    office.pcs[PC1].password = "of the account"
    office.hosts.add(host(PC1, "/home/u", keys=SHOWN), key=None, login=Login.PASSWORD)
    assert office.hosts.probe(PC1, Secret("of the account")).sources == (("/home/u", True),)
    with pytest.raises(AuthenticationError, match="none came"):
        office.hosts.probe(PC1)
    with pytest.raises(AuthenticationError):
        office.hosts.probe(PC1, Secret("another"))
    with pytest.raises(InvalidInputError):
        office.hosts.probe(PC1, Secret("two\nlines"))
    office.with_host(PC2)
    with pytest.raises(ConflictError, match="not entered with a password"):
        office.hosts.probe(PC2, Secret("of the account"))


def test_a_profile_is_saved_with_the_time_it_was_made(office: Office) -> None:
    saved = office.with_host().profiles.add(profile("/home/u/docs"))
    assert saved.created == office.clock.now()
    assert office.profiles.get(saved.id) == saved
    assert office.profiles.list() == [saved]


def test_a_profile_of_an_unknown_host_or_with_a_taken_name_is_refused(office: Office) -> None:
    with pytest.raises(NotFoundError):
        office.profiles.add(profile("/home/u/docs"))
    office.with_host().profiles.add(profile("/home/u/docs"))
    with pytest.raises(ConflictError):
        office.profiles.add(profile("/home/u/other"))


def test_sources_outside_the_allow_list_are_refused_when_made_and_when_changed(office: Office) -> None:
    office.with_host()
    with pytest.raises(PathNotAllowedError):
        office.profiles.add(profile("/home/u/docs", "/home/user2"))
    office.profiles.add(profile("/home/u/docs"))
    with pytest.raises(PathNotAllowedError):
        office.profiles.change(profile("/etc"))
    assert office.profiles.get(ProfileId("docs")).sources == parsed_sources(["/home/u/docs"])


def test_filters_that_cannot_be_understood_are_refused(office: Office) -> None:
    with pytest.raises(InvalidInputError, match="gitignore"):
        office.with_host().profiles.add(profile("/home/u", excludes=("[z-",)))


def test_a_change_keeps_host_and_birthday(office: Office) -> None:
    office.with_host().with_host(PC2)
    before = office.profiles.add(profile("/home/u/docs"))
    office.clock.advance(60)
    after = office.profiles.change(profile("/home/u/other", of=PC2))
    assert (after.host, after.created) == (PC1, before.created)
    assert after.sources == parsed_sources(["/home/u/other"])


def test_a_change_is_checked_against_the_allow_list_of_the_host_that_stays(office: Office) -> None:
    office.with_host().with_host(PC2, "/")
    office.profiles.add(profile("/home/u/docs"))
    with pytest.raises(PathNotAllowedError):
        office.profiles.change(profile("/etc", of=PC2))


def test_an_unknown_profile_is_not_found(office: Office) -> None:
    with pytest.raises(NotFoundError):
        office.profiles.get(ProfileId("none"))
    with pytest.raises(NotFoundError):
        office.with_host().profiles.change(profile("/home/u"))


def test_a_profile_that_never_ran_leaves_nothing_and_frees_its_host(office: Office) -> None:
    office.with_host().profiles.add(profile("/home/u/docs"))
    kept = office.profiles.remove(ProfileId("docs"))
    assert (kept.runs, kept.points, kept.places, kept.way_back) == (0, 0, (), "")
    assert office.profiles.list() == []
    office.hosts.remove(PC1)
    with pytest.raises(NotFoundError):
        office.profiles.remove(ProfileId("docs"))


def test_a_name_that_was_backed_up_keeps_its_folder_unless_a_person_says_it_moved(office: Office) -> None:
    office.with_host()
    office.profiles.add(profile("docs=/home/u/docs"))
    moved, both = profile("docs=/home/u/moved"), profile("docs=/home/u/moved", "new=/home/u/docs")
    office.profiles.change(moved)
    office.profiles.change(profile("docs=/home/u/docs"))
    with office.database.units() as uow:
        uow.runs.add(sample_run(1))
        uow.commit()
    for wanted in (moved, both):
        with pytest.raises(RefusedError, match="another one"):
            office.profiles.change(wanted)
        with pytest.raises(RefusedError):
            office.profiles.change(wanted, repoint=("new",))
    assert office.profiles.get(ProfileId("docs")).sources == parsed_sources(["docs=/home/u/docs"])
    office.profiles.change(profile("docs=/home/u/docs", "new=/home/u/moved"))
    assert office.profiles.change(both, repoint=("docs", "new")).sources == both.sources
