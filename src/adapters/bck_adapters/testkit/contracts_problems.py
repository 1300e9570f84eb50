"""What repositories of runs promise about problems. Subclass and give the fixture ``database``."""

# A suite asserts, as tests do.
# ruff: noqa: S101

import pytest

from bck_adapters.testkit.samples import sample_point, sample_run
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.run_problem import RunProblem
from bckcore.domain.transfer import ProblemKind
from bckcore.plugins.registry import Database

DOCS, OTHER = ProfileId("docs"), ProfileId("other")
KINDS = ((ProblemKind.UNREADABLE, b"z/\xff\n"), (ProblemKind.UNKNOWN, b""), (ProblemKind.UNLISTED, b"a"))
TOLD = [
    RunProblem(source=SourceName("docs"), kind=kind, path=path, message="\\#012 'Ü'") for kind, path in KINDS
]


class RunProblemsContract:
    """Problems stay with their run, and old ones can be found."""

    @pytest.fixture
    def database(self) -> Database:
        """A fresh, migrated database; its clock may be any."""
        raise NotImplementedError

    def test_problems_are_kept_in_order_and_replaced(self, database: Database) -> None:
        with database.units() as uow:
            uow.runs.add(sample_run(1))
            assert list(uow.runs.problems(DOCS, 1)) == []
            uow.runs.keep_problems(DOCS, 1, [*TOLD, TOLD[0]])
            uow.runs.keep_problems(DOCS, 1, TOLD)
            uow.runs.keep_problems(OTHER, 1, TOLD[:1])
            assert list(uow.runs.problems(DOCS, 1)) == TOLD
            uow.commit()
        with database.units() as uow:
            assert list(uow.runs.problems(DOCS, 1)) == TOLD
            uow.catalog.forget_profile(DOCS)
            assert list(uow.runs.problems(DOCS, 1)) == []
            assert list(uow.runs.problems(OTHER, 1)) == TOLD[:1]

    def test_runs_are_old_that_are_not_among_the_newest_and_have_no_point(self, database: Database) -> None:
        with database.units() as uow:
            for profile in (OTHER, DOCS):
                for seq in range(1, 7):
                    uow.runs.add(sample_run(seq, profile))
                for seq in (6, 4, 2, 1):
                    uow.runs.keep_problems(profile, seq, TOLD)
            uow.points.add(sample_point(2, DOCS))
            uow.commit()
        with database.units() as uow:
            old = [(DOCS, 1), (DOCS, 4), (OTHER, 1), (OTHER, 2), (OTHER, 4)]
            assert list(uow.runs.old_problems(keep=2, limit=100)) == old
            assert list(uow.runs.old_problems(keep=2, limit=3)) == old[:3]
            assert list(uow.runs.old_problems(keep=2, limit=100, profile=DOCS)) == old[:2]
            assert list(uow.runs.old_problems(keep=3, limit=100, profile=OTHER)) == [(OTHER, 1), (OTHER, 2)]
            assert list(uow.runs.old_problems(keep=6, limit=100)) == []
            uow.runs.keep_problems(DOCS, 1, ())
            uow.points.forget(DOCS, 2)
            assert list(uow.runs.old_problems(keep=2, limit=2)) == [(DOCS, 2), (DOCS, 4)]
            uow.catalog.forget_profile(DOCS)
            assert list(uow.runs.old_problems(keep=2, limit=100)) == old[2:]
