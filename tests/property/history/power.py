"""Rules of the history machine about the power: it goes right after something was said to be done."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.property.history.machine import ANCHOR, START
from tests.property.history.rewriting import RewritingMachine
from tests.support.house import REF
from tests.support.power import MainsStorage, Power


class PowerMachine(RewritingMachine):
    """Beside all that: what no sync brought to the disk is undone; the database keeps what it was told."""

    @rule(
        index=st.integers(0, 99),
        act=st.sampled_from(("prune", "forget a point", "undo", "forget", "back up")),
    )
    def power_goes_after(self, index: int, act: str) -> None:
        """The next start finds everything as it was said to be."""
        for number in range(3):  # something to merge, to free and to go back to
            self._write(ANCHOR, bytes((index, number)), START + number)
            self.back_up()
        storage = self.house.storage
        assert isinstance(storage, MainsStorage)
        power = storage.power = Power(self.house.root)
        match act:
            case "prune":
                self.prune(index % 2 + 1)
            case "forget a point":
                self.forget_any_point(index)
            case "undo":
                self.undo(index)
            case "forget":
                self.forget(index)
            case "back up":
                self.back_up()
        storage.power = None
        power.cut()
        told = self.house.recovery.tidy(REF)
        assert not [line for line in told if "taken for merged" in line], "the database was told too early"
        self.every_point_restores()
