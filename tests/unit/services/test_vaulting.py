"""A commit that fails leaves in the vault what was there."""

from collections.abc import Callable
from typing import Any

import pytest

from bck_adapters.memory import MemoryDatabase, MemoryVault
from bck_adapters.memory.audit import MemoryHeadKeeper
from bck_adapters.testkit.samples import StepClock
from bckcore.domain.ids import SecretRef
from bckcore.domain.login import Login
from bckcore.domain.secret import Secret
from bckcore.errors import DatabaseUnreachableError, NotFoundError, StorageError
from bckcore.services.evidence import Evidence, Witness
from bckcore.services.hosts import HostChange
from bckcore.services.vaulting import stored
from bckcore.services.witnessed import WitnessedVault, witnessed_units
from tests.unit.services.test_hosts_and_profiles import ANOTHER, KEY, PC1, PC2, PINNED, Office, host

REF, OLD, NEW = SecretRef("host/pc1/ssh"), Secret("old"), Secret("new")


class NoRoomError(Exception):
    """What a database says in the middle of a commit."""


class NoCommits:
    """Units of work of which none is committed."""

    def __init__(self, units: Callable[..., Any]) -> None:
        self._units = units

    def __call__(self, *, read_only: bool = False) -> Any:
        unit = self._units(read_only=read_only)
        if not read_only:
            unit.commit = self._fail
        return unit

    @staticmethod
    def _fail(**_: object) -> None:
        raise NoRoomError


class DamagedVault(MemoryVault):
    def get(self, ref: SecretRef) -> Secret[str]:
        raise StorageError(f"The secret {ref} is damaged.")


def in_vain(vault: MemoryVault) -> None:
    with pytest.raises(NoRoomError), stored(vault, REF, NEW):
        assert MemoryVault.get(vault, REF).reveal() == "new", "there by the time of the commit"
        raise NoRoomError


def test_what_was_there_comes_back() -> None:
    vault = MemoryVault()
    vault.put(REF, OLD)
    in_vain(vault)
    assert vault.get(REF).reveal() == "old"


def test_where_there_was_nothing_there_is_nothing_again() -> None:
    vault = MemoryVault()
    in_vain(vault)
    with pytest.raises(NotFoundError):
        vault.get(REF)


def test_what_could_not_be_read_is_replaced_all_the_same() -> None:
    vault = DamagedVault()
    vault.put(REF, OLD)
    in_vain(vault)
    assert MemoryVault.get(vault, REF).reveal() == "new"


@pytest.mark.parametrize(("ref", "secret"), [(None, NEW), (REF, None)])
def test_without_a_name_or_a_secret_nothing_is_stored(
    ref: SecretRef | None, secret: Secret[str] | None
) -> None:
    vault = MemoryVault()
    with stored(vault, ref, secret):
        pass
    with pytest.raises(NotFoundError):
        vault.get(REF)


def stuck(office: Office) -> Office:
    for service in (office.hosts, office.logins, office.authority):
        service._units = NoCommits(service._units)
    return office


def test_a_host_keeps_its_key_where_another_one_could_not_be_saved() -> None:
    office = stuck(Office().with_host())
    with pytest.raises(NoRoomError):
        office.hosts.change(PC1, HostChange(), key=ANOTHER)
    assert office.vault.get(REF).reveal() == KEY.reveal()
    with pytest.raises(NoRoomError):
        office.hosts.add(host(PC2, keys=PINNED), key=KEY)
    with pytest.raises(NotFoundError):
        office.vault.get(SecretRef("host/pc2/ssh"))


def test_a_key_of_its_own_and_the_authority_stay_what_they_were() -> None:
    office = Office()
    office.hosts.add(host(PC1, keys=PINNED), login=Login.OWN_KEY, key=None)
    before, authority = office.logins.trust(PC1), office.authority.public()
    stuck(office)
    with pytest.raises(NoRoomError):
        office.logins.renew_key(PC1)
    for renewed in (False, True):
        with pytest.raises(NoRoomError):
            office.authority.renew(at_once=renewed)
    assert office.logins.trust(PC1) == before
    assert office.authority.public() == authority


def test_what_was_there_comes_back_also_where_nothing_can_be_entered_any_more() -> None:
    """As with a database that has gone: the put's entry goes with the unit, and its undoing has none."""
    clock = StepClock()
    database, vault = MemoryDatabase(clock), MemoryVault()
    witness = Witness(clock=clock, head=MemoryHeadKeeper())
    units = witnessed_units(database.units, witness)
    vault.put(REF, OLD)
    witnessed = WitnessedVault(vault, Evidence(units=units, witness=witness))
    with pytest.raises(NoRoomError), units(), stored(witnessed, REF, NEW):
        witness.writing = gone
        raise NoRoomError
    assert vault.get(REF).reveal() == "old"
    assert not Evidence(units=units, witness=witness).entries()


def gone(_: object) -> None:
    raise DatabaseUnreachableError("The database does not answer.")
