"""A database is copied without loss, whichever way, and a copy that is cut off leaves nothing."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from threading import Event

import pytest
from sqlalchemy import func, make_url, select, text

from bck_adapters.sql import sql_database
from bck_adapters.sql.copying import TABLES, copy_database, copy_would
from bck_adapters.sql.database import migrate
from bck_adapters.sql.engine import make_engine
from bck_adapters.sql.job_queue import SqlJobQueue
from bck_adapters.sql.unit_of_work import SqlUnitOfWork
from bck_adapters.testkit.contracts_audit import entered, sample_deed
from bck_adapters.testkit.contracts_enrolments import sample_enrolment
from bck_adapters.testkit.contracts_people import sample_session, sample_token
from bck_adapters.testkit.samples import (
    START,
    StepClock,
    long_path,
    sample_act,
    sample_entry,
    sample_hold,
    sample_host,
    sample_job,
    sample_point,
    sample_presence,
    sample_profile,
    sample_run,
    sample_state,
)
from bckcore.domain.access import Role, User
from bckcore.domain.ids import JobId, ProfileId, SourceName
from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import RelPath
from bckcore.domain.run_problem import RunProblem
from bckcore.domain.session import RefreshToken
from bckcore.domain.throttle import Throttle
from bckcore.domain.transfer import ProblemKind
from bckcore.errors import (
    ConflictError,
    DatabaseMovedError,
    DatabaseUnreachableError,
    InvalidInputError,
    StorageError,
    StoreFullError,
)
from bckcore.ports.job_queue import LogLine
from tests.support.runner import eventually

P, S = ProfileId("docs"), SourceName("docs")
ODD = "nul \0, half \udcff\ud800, code \x1a0000, \U0001f512, tab\t"
FILES = 12_000


def filled(engine, files=FILES):
    """Something in every table; values that one of the databases does not take as they are."""
    migrate(engine)
    with SqlUnitOfWork(engine) as uow:
        uow.hosts.add(sample_host())
        uow.profiles.add(sample_profile())
        for seq in (1, 2):
            uow.runs.add(sample_run(seq))
            uow.points.add(sample_point(seq))
            uow.acts.add(sample_act(seq))
        uow.holds.put(sample_hold(2))
        for number in range(3):
            entered(uow, sample_deed(host=ODD, number=number))
        uow.presences.put(sample_presence())
        uow.schedule_states.put(sample_state())
        uow.users.add(User(name="ann\0", role=Role.ADMIN, password_hash=ODD, created=START))
        uow.sessions.add(sample_session())
        uow.sessions.add_token(RefreshToken(digest="d", session=sample_session().id, issued=START))
        uow.device_tokens.add(sample_token())
        uow.enrolments.add(sample_enrolment())
        uow.throttles.put(Throttle(key="account:x", failures=3, last=START, until=START))
        problem = RunProblem(source=S, kind=ProblemKind.UNREADABLE, path=RelPath(b"\xff\n"), message=ODD)
        uow.runs.keep_problems(P, 2, [problem])
        added = (Change(S, ChangeOp.ADDED, sample_entry(b"f%06d\xff" % n, n)) for n in range(files))
        uow.catalog.apply(P, 1, added)
        uow.catalog.apply(P, 2, [Change(S, ChangeOp.EXCLUDED, sample_entry(b"f%06d\xff" % 7, 7))])
        uow.commit()
    queue = SqlJobQueue(engine, StepClock())
    for number in range(3):
        queue.enqueue(sample_job(f"j{number}", JobKind.RESTORE, key=f"k{number}"))
    claim = queue.claim("r", lease_seconds=60)
    assert claim is not None
    queue.append_log(claim.job.id, [LogLine(number=0, at=START, level="info", text=ODD)])
    queue.finish(claim, JobStatus.FAILED, JobResult(error=ODD, data={"odd": ODD, "n": 2**60}))


@contextmanager
def disposing(engine):
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite(tmp_path):
    made = make_engine(f"sqlite:///{tmp_path / 'old.db'}")
    filled(made)
    yield made
    made.dispose()


@pytest.fixture
def postgresql(fresh_postgresql):
    made = make_engine(fresh_postgresql)
    yield made
    made.dispose()


@pytest.fixture
def back(tmp_path):
    made = make_engine(f"sqlite:///{tmp_path / 'back.db'}")
    yield made
    made.dispose()


def rows(engine):
    migrate(engine)
    with engine.connect() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in TABLES
        }


def test_there_and_back_everything_is_the_same(sqlite, postgresql, back):
    told = []
    copied = copy_database(sqlite, postgresql, told=lambda *told_now: told.append(told_now))
    assert [(one.name, one.rows) for one in copied] == list(rows(sqlite).items())
    assert all(one.rows for one in copied)
    assert ("file_version", 10_000, FILES) in told
    with postgresql.connect() as connection:
        planned = connection.exec_driver_sql(
            "SELECT reltuples FROM pg_class WHERE relname = 'run'"
        ).scalar_one()
    assert planned == rows(postgresql)["run"], "the server plans by what came"
    assert copy_database(postgresql, back) == copied
    queue = SqlJobQueue(postgresql, StepClock())
    assert [line.text for line in queue.read_log(JobId("j0"))] == [ODD]
    assert queue.get(JobId("j0")).result.data == {"odd": ODD, "n": 2**60}
    queue.enqueue(sample_job("new"))
    assert queue.list()[0].id == "new"  # the newest number
    with SqlUnitOfWork(postgresql) as uow:
        uow.catalog.apply(ProfileId("other"), 1, [Change(S, ChangeOp.ADDED, sample_entry(b"x"))])
        uow.commit()


def test_paths_of_any_length_go_there_and_back(sqlite, postgresql, back):
    raw = [long_path(length, name) for length in (2_600, 2_704, 2_800, 4_000) for name in (b"x", b"y")]
    with SqlUnitOfWork(sqlite) as uow:
        uow.catalog.apply(P, 3, [Change(S, ChangeOp.ADDED, sample_entry(path)) for path in raw])
        uow.commit()
    copied = copy_database(sqlite, postgresql)
    assert copy_database(sqlite, postgresql) == copied  # both in the same order
    assert copy_database(postgresql, back) == copied
    for engine in (postgresql, back):
        with SqlUnitOfWork(engine, read_only=True) as uow:
            assert set(uow.catalog.live(P, S, [*map(RelPath, raw)])) == set(raw)


@pytest.mark.parametrize("at", ["host", "file_version", "job_log"])
def test_a_copy_that_is_cut_off_leaves_nothing_and_may_be_repeated(sqlite, postgresql, at):
    def cut(table, done, total):
        if table == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_database(sqlite, postgresql, told=cut)
    assert set(rows(postgresql).values()) == {0}
    copied = copy_database(sqlite, postgresql)
    assert copy_database(sqlite, postgresql) == copied  # cut between copy and settings: it is there already


def test_a_dry_run_counts_and_changes_nothing(sqlite, postgresql):
    copied = copy_would(sqlite, postgresql)
    assert {one.name: one.rows for one in copied} == rows(sqlite)
    with postgresql.connect() as connection:
        assert connection.dialect.get_table_names(connection) == []


@pytest.mark.parametrize("copy", [copy_would, copy_database])
def test_a_target_that_holds_something_else_is_refused(sqlite, postgresql, copy):
    migrate(postgresql)
    with SqlUnitOfWork(postgresql) as uow:
        uow.hosts.add(sample_host("other"))
        uow.commit()
    with pytest.raises(ConflictError, match="not empty"):
        copy(sqlite, postgresql)
    assert rows(postgresql)["job"] == 0


def test_nothing_is_copied_while_a_job_runs(sqlite, postgresql):
    assert SqlJobQueue(sqlite, StepClock()).claim("r", lease_seconds=60) is not None
    with pytest.raises(ConflictError, match="is running"):
        copy_database(sqlite, postgresql)
    assert set(rows(postgresql).values()) == {0}


def test_whoever_waits_to_write_meanwhile_finds_the_installation_moved(url, fresh_postgresql, tmp_path):
    """Nothing can get lost between the copy and the new place in the settings, on either database."""
    target = f"sqlite:///{tmp_path / 'to.db'}" if url.startswith("postgresql") else fresh_postgresql
    moved = Event()
    with (
        closing(sql_database(url, StepClock(), used=lambda: not moved.is_set())) as database,
        disposing(make_engine(url)) as old,
        disposing(make_engine(target)) as new,
        ThreadPoolExecutor() as pool,
    ):
        filled(old, files=10)
        waiting = []

        def told(table, done, total):
            if table == "host":
                waiting.append(pool.submit(database.queue.enqueue, sample_job("late")))
                waiting.append(pool.submit(entered_host, database))

        copied = copy_database(old, new, told=told, switched=moved.set)
        assert [type(one.exception(60)) for one in waiting] == [DatabaseMovedError] * 2
        with pytest.raises(DatabaseMovedError), database.units(read_only=True):
            pass
        assert {one.name: one.rows for one in copied} == rows(old) == rows(new)


def entered_host(database):
    with database.units() as uow:
        uow.hosts.add(sample_host("late"))
        uow.commit()


def test_where_the_new_place_cannot_be_entered_the_old_one_stays_in_use(sqlite, postgresql):
    def fails():
        raise InvalidInputError("The settings cannot be changed.")

    with pytest.raises(InvalidInputError):
        copy_database(sqlite, postgresql, switched=fails)
    SqlJobQueue(sqlite, StepClock()).enqueue(sample_job("new"))
    assert rows(sqlite)["job"] == rows(postgresql)["job"] + 1


@pytest.mark.parametrize(
    ("state", "kind", "says"),
    [
        ("53100", StoreFullError, "no room left"),
        ("57P01", DatabaseUnreachableError, "no more rows today"),
        ("42501", StorageError, "no more rows today"),
    ],
)
def test_what_the_new_server_refuses_on_the_way_is_a_sentence_and_leaves_nothing(
    fresh_postgresql, tmp_path, state, kind, says
):
    refusal = f"RAISE EXCEPTION 'no more rows today' USING ERRCODE = '{state}'"
    with (
        disposing(make_engine(f"sqlite:///{tmp_path / 'old.db'}")) as old,
        disposing(make_engine(fresh_postgresql)) as new,
    ):
        filled(old, files=10)
        migrate(new)
        with new.begin() as connection:
            connection.exec_driver_sql(
                f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {refusal}; END $$"
            )
            connection.exec_driver_sql(
                "CREATE TRIGGER refuses BEFORE INSERT ON file_version FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
        with pytest.raises(kind, match=says) as caught:
            copy_database(old, new)
        assert caught.value.meaning
        assert caught.value.advice
        assert set(rows(new).values()) == {0}


WRITERS_HELD_OFF = text(
    "SELECT pid FROM pg_locks WHERE mode = 'ShareLock' AND relation = 'job'::regclass AND granted"
)


def test_where_the_old_server_lets_writers_in_again_nothing_is_switched_and_what_they_wrote_stays(
    postgresql, back
):
    """A restart of the old server, or a connection that breaks, takes the locks away."""
    filled(postgresql, files=10)
    switched = []

    def told(table, done, total):
        if table == TABLES[-1].name:
            with postgresql.begin() as other:
                [pid] = other.execute(WRITERS_HELD_OFF).scalars()
                other.execute(text("SELECT pg_terminate_backend(:pid, 30000)"), {"pid": pid})
            SqlJobQueue(postgresql, StepClock()).enqueue(sample_job("late"))

    with pytest.raises(DatabaseUnreachableError):
        copy_database(postgresql, back, told=told, switched=lambda: switched.append(True))
    assert switched == []
    assert SqlJobQueue(postgresql, StepClock()).get(JobId("late")).id == "late"


def test_writers_are_held_off_for_as_long_as_the_copy_takes(fresh_postgresql, back):
    """The old server ends what is silent for too long; the comparison is silent there for longer."""
    hasty = make_url(fresh_postgresql).update_query_dict(
        {"options": "-c idle_in_transaction_session_timeout=1000"}
    )
    with (
        disposing(make_engine(hasty.render_as_string(hide_password=False))) as old,
        disposing(make_engine(fresh_postgresql)) as other,
    ):
        filled(other, files=10)

        def silent():
            with other.begin() as connection:
                since = "SELECT clock_timestamp() - state_change > interval '2 seconds' FROM pg_stat_activity"
                found = [
                    connection.execute(text(f"{since} WHERE pid = :pid"), {"pid": pid}).scalar()
                    for pid in connection.execute(WRITERS_HELD_OFF).scalars()
                ]
            return found != [False]

        def told(table, done, total):
            if table == TABLES[-1].name:
                assert eventually(silent)

        copied = copy_database(old, back, told=told)
        assert {one.name: one.rows for one in copied} == rows(other)
