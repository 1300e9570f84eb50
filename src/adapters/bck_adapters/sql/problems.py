"""Problems of runs over an SqlSession."""

from collections.abc import Sequence

from sqlalchemy import delete, exists, func, insert, select

from bck_adapters.sql.session import SqlSession
from bck_adapters.sql.tables import point, run, run_problem
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


def old_problems(
    session: SqlSession, *, keep: int, limit: int, profile: ProfileId | None
) -> list[tuple[ProfileId, int]]:
    """See the port."""
    runs = select(run.c.profile, func.max(run.c.seq).label("seq")).group_by(run.c.profile)
    newest = (runs if profile is None else runs.where(run.c.profile == profile)).subquery()
    query = (
        select(run.c.profile, run.c.seq)
        .join(newest, newest.c.profile == run.c.profile)
        .where(
            run.c.seq <= newest.c.seq - keep,
            exists().where(_P.profile == run.c.profile, _P.seq == run.c.seq),
            ~exists().where(point.c.profile == run.c.profile, point.c.seq == run.c.seq),
        )
    )
    rows = session.execute(query.order_by(run.c.profile, run.c.seq).limit(limit))
    return [(ProfileId(row.profile), row.seq) for row in rows]
