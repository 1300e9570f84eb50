"""Random lives that lose a stored file: what any point needed of it is named, never made up for."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from bck_adapters.storage_fs import origins
from bckcore.domain.likeness import Likeness
from bckcore.services.restore_report import RestoreReport
from tests.property.history.machine import contents, lives
from tests.property.history.test_history_memory import MemoryHistoryMachine
from tests.support.house import DOCS
from tests.support.places import remove_tree
from tests.support.worlds import World, differences, world_of_folder


class LosingMachine(MemoryHistoryMachine):
    """Now and then a stored file is away while every point is restored; then it is back."""

    @rule(index=st.integers(0, 999))
    def a_stored_file_is_lost(self, index: int) -> None:
        places = sorted(self._stored_files())
        if not places:
            return
        place, aside = places[index % len(places)], self.folder / "aside"
        os.rename(place, aside)
        try:
            for point in self.house.points():
                self._restores_or_says(point.seq, self.expected[point.seq])
        finally:
            os.rename(aside, place)

    @rule(index=st.integers(0, 99), data=contents, lost=st.integers(0, 99))
    def one_of_many_versions_is_lost(self, index: int, data: bytes, lost: int) -> None:
        """Versions of one size: what remains could stand in for what is gone."""
        self.edit_and_back_up_again_and_again(index, data)
        self.a_stored_file_is_lost(lost)

    def _stored_files(self) -> list[bytes]:
        found = []
        for area in (".history", "current"):
            for folder, _, names in os.walk(os.fsencode(self.house.root / area)):
                found += [os.path.join(folder, name) for name in names]
        return found

    def _restores_or_says(self, seq: int, expected: World) -> None:
        self.restored += 1
        target = self.folder / f"r{self.restored}"
        report = self._restore(seq, target)
        lost = {one.path.removeprefix(b"docs/") for one in report.problems}
        found = world_of_folder(target / "docs")
        assert not lost & found.keys(), f"point {seq}"
        left = {path: thing for path, thing in expected.items() if path not in lost}
        assert differences(left, found) == [], f"point {seq}"
        assert len(lost) <= 1, f"point {seq}: more than what was lost is missing: {lost}"
        remove_tree(target)

    def _restore(self, seq: int, to: Path) -> RestoreReport:
        watcher = self.house.watcher
        return self.house.restores.restore(DOCS, point=str(seq), to=to, paths=(), watcher=watcher)


class TestLosingHistory(LosingMachine.TestCase):  # type: ignore[misc,valid-type]  # made by hypothesis
    settings = settings(max_examples=lives(20, 15), stateful_step_count=15, deadline=None)


def test_the_machine_finds_a_restore_that_looks_at_sizes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origins, "likeness", lambda *_: Likeness.OWN)
    monkeypatch.setattr("bck_adapters.storage_fs.making.whole", lambda _entry, origin: os.read(origin, 99))
    search = settings(
        max_examples=60,
        stateful_step_count=10,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises(AssertionError, match=r"point \d+"):
        run_state_machine_as_test(LosingMachine, settings=search)
