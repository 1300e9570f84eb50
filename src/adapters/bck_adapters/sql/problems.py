"""Problems of runs over an SqlSession."""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from bck_adapters.sql.session import SqlSession
from bck_adapters.sql.tables import run_problem
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.run_problem import RunProblem
from bckcore.domain.transfer import ProblemKind

_P = run_problem.c


def keep_problems(session: SqlSession, profile: ProfileId, seq: int, problems: Sequence[RunProblem]) -> None:
    """See the port."""
    session.write(delete(run_problem).where(_P.profile == profile, _P.seq == seq))
    rows: list[dict[str, object]] = [
        {
            "profile": profile,
            "seq": seq,
            "number": number,
            "source": problem.source,
            "kind": problem.kind.value,
            "path": problem.path,
            "message": problem.message,
        }
        for number, problem in enumerate(problems)
    ]
    session.write_many(insert(run_problem), rows)


def problems_of(session: SqlSession, profile: ProfileId, seq: int) -> list[RunProblem]:
    """See the port."""
    query = select(run_problem).where(_P.profile == profile, _P.seq == seq).order_by(_P.number)
    return [
        RunProblem(
            source=SourceName(row.source), kind=ProblemKind(row.kind), path=row.path, message=row.message
        )
        for row in session.execute(query)
    ]
