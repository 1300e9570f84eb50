"""What is sealed for a runner leaves the database when its job is over, and no job keeps it past that."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from bck_adapters.sql.database import migrate
from bck_adapters.sql.engine import make_engine
from bck_adapters.sql.job_queue import SqlJobQueue
from bck_adapters.testkit.samples import StepClock, sample_job
from bckcore.domain.ids import JobId
from bckcore.domain.job import JobResult, JobStatus

SHORT, LONG = "sealed-canary-51c7", "sealed-canary-of-many-pages-9e02" * 400
COLUMNS = "SELECT sealed FROM job ORDER BY number"
FINAL = [status.value for status in JobStatus if status.final]


@pytest.fixture
def engine(url):
    made = make_engine(url)
    migrate(made)
    yield made
    made.dispose()


def claimed(queue, only):
    claim = queue.claim("r", lease_seconds=60, only=JobId(only))
    assert claim is not None
    return claim


def kept(engine):
    with engine.connect() as connection:
        return list(connection.exec_driver_sql(COLUMNS).scalars())


@pytest.mark.parametrize("status", FINAL)
def test_the_database_itself_refuses_a_job_that_is_over_and_still_holds_it(engine, status):
    SqlJobQueue(engine, StepClock()).enqueue(sample_job("a"), sealed=SHORT)
    with pytest.raises(IntegrityError, match="ck_job_sealed"), engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE job SET status = '{status}'")
    assert kept(engine) == [SHORT]


def test_the_row_is_empty_when_its_job_has_ended_or_was_never_begun(engine):
    queue = SqlJobQueue(engine, StepClock())
    for name in ("ended", "cancelled", "waits"):
        queue.enqueue(sample_job(name, profile=name, host=name), sealed=SHORT)
    queue.finish(claimed(queue, "ended"), JobStatus.FAILED, JobResult())
    queue.request_cancel(JobId("cancelled"))
    assert kept(engine) == ["", "", SHORT]


@pytest.mark.parametrize("sealed", [SHORT, LONG], ids=["in a page", "in many pages"])
def test_the_file_of_sqlite_holds_it_no_more_after_a_checkpoint(tmp_path, sealed):
    file = tmp_path / "job.db"
    engine = make_engine(f"sqlite:///{file}")
    migrate(engine)
    queue = SqlJobQueue(engine, StepClock())
    queue.enqueue(sample_job("a"), sealed=sealed)
    checkpoint(file)
    assert sealed[:16].encode() in file.read_bytes()
    queue.finish(claimed(queue, "a"), JobStatus.SUCCEEDED, JobResult())
    checkpoint(file)
    for path in tmp_path.iterdir():
        assert sealed[:16].encode() not in path.read_bytes()
    engine.dispose()


def checkpoint(file):
    """What SQLite does by itself every thousand pages, and when the last process closes the database."""
    with closing(sqlite3.connect(file)) as connection:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert not busy


def test_it_is_overwritten_whatever_this_sqlite_was_built_with(tmp_path):
    engine = make_engine(f"sqlite:///{tmp_path / 'job.db'}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar_one() == 1
    engine.dispose()


def test_an_error_of_the_database_quotes_nothing_that_was_to_be_written(engine):
    """Errors go to logs; hashes of passwords and sealed passwords are parameters of statements."""
    with pytest.raises(SQLAlchemyError) as raised, engine.begin() as connection:
        connection.execute(text("UPDATE job SET no_such_column = :sealed"), {"sealed": SHORT})
    assert SHORT not in str(raised.value)
    assert SHORT not in repr(raised.value)
