"""Rules of the history machine about losing the database: what storage tells gives all of it back."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from bck_adapters.memory import MemoryDatabase
from bck_adapters.sql import sql_database
from bckcore.domain.act import ActKind
from bckcore.services.acts import Acts
from tests.property.history.rewriting import RewritingMachine
from tests.support.house import REF
from tests.support.rebuilds import known, rebuilding


class RebuildingMachine(RewritingMachine):
    """Beside all the rest: rebuilt in place and life goes on, or on a new database and compared."""

    rebuilt = 0

    @precondition(lambda self: bool(self.expected))
    @rule()
    def rebuild_in_place(self) -> None:
        """What is known afterwards is what was known, and every point restores by it."""
        before = known(self.house.database)
        rebuilding(self.house).rebuild(REF)
        assert known(self.house.database) == before
        type(self).rebuilt += 1
        self.every_point_restores()

    @precondition(lambda self: bool(self.expected))
    @rule(sqlite=st.booleans())
    def rebuild_on_a_new_database(self, sqlite: bool) -> None:
        type(self).rebuilt += 1
        database = MemoryDatabase(self.house.clock).as_database()
        if sqlite:
            place = self.folder / f"new{type(self).rebuilt}.sqlite3"
            database = sql_database(f"sqlite:///{place}", self.house.clock)
            database.migrate()
        try:
            rebuilding(self.house, database).rebuild(REF)
            assert known(database) == known(self.house.database)
        finally:
            database.close()

    @rule(index=st.integers(0, 99))
    def forget_any_point(self, index: int) -> None:
        """As in the machine below, but written down, as all that is done to a history on purpose."""
        points = self.house.points()[:-1]
        if not points:
            return
        seq = points[index % len(points)].seq
        acts = Acts(units=self.house.database.units, storage=self.house.storage, clock=self.house.clock)
        acts.record(REF, ActKind.PRUNE, by="test", reason="any", points=(seq,))
        del self.expected[seq]
        self.prune(keep_last=1000)
