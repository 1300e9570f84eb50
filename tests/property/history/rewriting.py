"""Rules of the history machine about what people do to a history: undo, accept, forget."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from bckcore.domain.run import RunOutcome
from bckcore.services.history_requests import AcceptRequest, ForgetRequest, UndoRequest
from tests.property.history.keeping import KeepingMachine
from tests.property.history.machine import ANCHOR, START
from tests.support.worlds import World, differences


class RewritingMachine(KeepingMachine):
    """Beside the life of the tree and what is kept: states are undone, losses accepted, paths forgotten."""

    @precondition(lambda self: bool(self.expected))
    @rule(index=st.integers(0, 99))
    def undo(self, index: int) -> None:
        """Back to any point, also after a run that was cut, also back from an undo."""
        goal = sorted(self.expected)[index % len(self.expected)]
        run = self.house.undo(UndoRequest(to=str(goal)))
        assert run.outcome is RunOutcome.SUCCEEDED, run
        self.cut_pending = False
        if run.made_point:
            self.expected[run.seq] = self.expected[goal]
        else:
            newest = self.expected[max(self.expected)]
            assert differences(newest, self.expected[goal]) == [], (
                "an undo that changed something made no point"
            )
        self.every_point_restores()

    @precondition(lambda self: bool(self.expected))
    @rule(index=st.integers(0, 99))
    def forget(self, index: int) -> None:
        """A path, with all below it, goes from every point; a later run may bring it back."""
        known = sorted({path for world in self.expected.values() for path in world} - {b".", ANCHOR})
        if not known:
            return
        path = known[index % len(known)]
        self.house.forget(ForgetRequest(path=b"docs/" + path, reason="a test"))
        self.expected = {seq: without(world, path) for seq, world in self.expected.items()}
        self.every_point_restores()

    @precondition(lambda self: bool(self.expected))
    @rule(accept=st.booleans())
    def lose_everything(self, accept: bool) -> None:
        """An emptied folder is suspect; a person takes it as it is, or it comes back."""
        self.back_up()  # a cut or an undo before it would show more than the loss
        before, kept = self.expected[max(self.expected)], self.world()
        for path in sorted(kept):
            if path != b"." and b"/" not in path:
                self.tree.delete(path)
        lost = self.world()
        if len(before) > 1:
            self._ran_well({**before, b".": lost[b"."]}, outcome=RunOutcome.SUSPECT)
            if accept:
                run = self.house.accept(AcceptRequest(reason="a test"))
                assert run.made_point
                self.expected[run.seq] = lost
                self.every_point_restores()
        self._write(ANCHOR, b"so that the folder is never empty", START)


def without(world: World, path: bytes) -> World:
    """The world without a path and all below it."""
    return {name: thing for name, thing in world.items() if name != path and not name.startswith(path + b"/")}
