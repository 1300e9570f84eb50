"""What every AuditLog promises. Subclass and give the fixture ``database``."""

# A suite asserts, as tests do.
# ruff: noqa: S101

from threading import Thread

import pytest

from bck_adapters.testkit.samples import START as AT
from bck_adapters.testkit.samples import sample_host
from bckcore.domain.audit import (
    START,
    Action,
    Actor,
    Deed,
    Entry,
    Head,
    Origin,
    Outcome,
    about,
    chained,
    encoded,
)
from bckcore.domain.audit_proof import proved
from bckcore.errors import ConflictError
from bckcore.plugins.registry import Database
from bckcore.ports.unit_of_work import UnitOfWork

WRITERS, EACH = 4, 10


def sample_deed(name: str = "anna", **values: object) -> Deed:
    """Something that somebody did."""
    actor = Actor(name=name, origin=Origin.API, address="192.0.2.9")
    return Deed(at=AT, actor=actor, action=Action.HOST_ADDED, outcome=Outcome.DONE, about=about(**values))


def entered(uow: UnitOfWork, deed: Deed) -> Entry:
    """Add a deed at the end of the log."""
    entry = chained(deed, uow.audit.newest() or START)
    uow.audit.append(entry)
    return entry


class AuditLogContract:
    """Entries are added in one order, with what they tell of, and stay as they are."""

    @pytest.fixture
    def database(self) -> Database:
        """A fresh, migrated database; its clock may be any."""
        raise NotImplementedError

    def test_what_was_appended_is_there_byte_by_byte(self, database: Database) -> None:
        with database.units() as uow:
            assert uow.audit.newest() is None
            entries = [entered(uow, sample_deed(host=f"pc{n}", odd="\x1b[31m\udcff\u202e")) for n in range(5)]
            uow.commit()
        with database.units(read_only=True) as uow:
            assert list(uow.audit.lines(limit=9)) == [(one.number, encoded(one)) for one in entries]
            assert [number for number, _ in uow.audit.lines(after=2, limit=2)] == [3, 4]
            assert uow.audit.newest() == entries[-1].head

    def test_an_entry_goes_with_what_it_tells_of(self, database: Database) -> None:
        with database.units() as uow:
            uow.hosts.add(sample_host())
            entered(uow, sample_deed(host="pc1"))
        with database.units(read_only=True) as uow:
            assert uow.audit.newest() is None
            assert list(uow.hosts.list()) == []

    def test_an_entry_follows_the_newest_or_is_refused(self, database: Database) -> None:
        with database.units() as uow:
            first = entered(uow, sample_deed())
            for after in (START, Head(number=2, digest="x"), Head(number=7, digest="x")):
                with pytest.raises(ConflictError):
                    uow.audit.append(chained(sample_deed(), after))
            uow.audit.append(chained(sample_deed(), first.head))

    def test_an_empty_log_goes_on_from_any_number(self, database: Database) -> None:
        with database.units() as uow:
            uow.audit.append(chained(sample_deed(), Head(number=41, digest="of a lost database")))
            uow.commit()
        with database.units(read_only=True) as uow:
            assert [number for number, _ in uow.audit.lines(limit=9)] == [42]

    def test_a_unit_that_only_reads_refuses_to_append(self, database: Database) -> None:
        with database.units(read_only=True) as uow, pytest.raises(ConflictError):
            uow.audit.append(chained(sample_deed(), START))

    def test_there_is_no_way_to_change_or_remove(self, database: Database) -> None:
        with database.units(read_only=True) as uow:
            verbs = {name for name in dir(uow.audit) if not name.startswith("_")}
        assert verbs == {"append", "newest", "lines"}

    def test_many_writers_make_one_chain(self, database: Database) -> None:
        def write(name: str) -> None:
            for _ in range(EACH):
                with database.units() as uow:
                    entered(uow, sample_deed(name))
                    uow.commit()

        threads = [Thread(target=write, args=(f"w{number}",)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with database.units(read_only=True) as uow:
            proof = proved(line for _, line in uow.audit.lines(limit=1000))
        assert (proof.ok, proof.entries) == (True, WRITERS * EACH)
