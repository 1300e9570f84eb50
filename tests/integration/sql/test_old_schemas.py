"""Rows that older versions wrote come through every later schema step, on either database."""

import json
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import MetaData, insert, select

from bck_adapters.clock import SystemClock
from bck_adapters.sql import sql_database
from bck_adapters.sql.database import migrate, newest_step
from bck_adapters.sql.engine import make_engine
from bck_adapters.sql.job_queue import SqlJobQueue
from bck_adapters.sql.tables import metadata
from bck_adapters.sql.unit_of_work import SqlUnitOfWork
from bck_adapters.testkit.samples import StepClock, sample_entry, sample_job
from bckcore.domain.ids import HostId, JobId, ProfileId, SourceName
from bckcore.domain.job import JobKind, JobStatus
from bckcore.domain.login import Login
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.errors import ConflictError
from bckcore.ports.job_queue import as_sent
from tests.support.old_rows import ASKED, AT, LATER, ROWS, RUN, STEPS, fill_at, rows_at, upgraded_to

P, S = ProfileId("docs"), SourceName("docs")


@pytest.fixture
def engine(fresh_url):
    made = make_engine(fresh_url)
    yield made
    made.dispose()


def test_every_schema_step_says_what_its_rows_looked_like():
    assert list(ROWS) == list(STEPS)
    assert STEPS[-1] == newest_step()


@pytest.mark.parametrize("step", STEPS)
def test_rows_of_every_older_version_are_there_afterwards(engine, fresh_url, step):
    fill_at(engine, step)
    migrate(engine)
    rows = rows_at(step)
    if step == "0001":  # a key stood for one profile and kind
        rows["job_key"] = dict(ROWS["0002"]["job_key"])
    for name, row in rows.items():
        table = metadata.tables[name]
        with engine.connect() as connection:
            (found,) = connection.execute(select(table)).mappings().all()
        assert {column: found[column] for column in row} == row, name
    with closing(sql_database(fresh_url, SystemClock())) as database:
        the_program_reads_them(database, step)
        the_program_goes_on(database)


def the_program_reads_them(database, step):
    with database.units(read_only=True) as uow:
        assert uow.users.get("anna").created == AT
        host = uow.hosts.get(HostId("pc1"))
        assert host.allowed_roots == ("/home/u", "/srv/ü")
        assert host.login is (Login.KEY if step < "0015" else Login.CERTIFICATE)
        profile = uow.profiles.get(P)
        assert [str(source.path) for source in profile.sources] == ["/home/u/docs"]
        assert profile.schedule is not None
        assert (profile.schedule.every is not None) is (step < "0009")
        assert profile.retention.time_zone == ("UTC" if step < "0003" else "Europe/Rome")
        assert [run.id for run in uow.runs.list(P)] == [RUN]
        assert [point.verified_at for point in uow.points.list(P)] == [LATER]
        assert len(uow.holds.list(P)) == len(uow.acts.list(P)) == (step >= "0003")
        assert len(uow.presences.list()) == len(uow.schedule_states.list()) == (step >= "0009")
        assert len(uow.device_tokens.list()) == (step >= "0012")
        (version,) = uow.catalog.versions(P, S, sample_entry(b"a\xff\n").path)
        assert (version.until_seq, version.entry.size) == (None, 2**40)
    job = database.queue.get(JobId("j0"))
    assert (job.payload, job.result.data, job.created) == (ASKED, {"n": 2**60}, AT)
    assert [line.text for line in database.queue.read_log(job.id)] == ["ü began"]


def the_program_goes_on(database):
    """Numbers that the database gives follow those that are there."""
    database.queue.enqueue(sample_job("j1", JobKind.RESTORE, "other"))
    assert [job.id for job in database.queue.list()] == ["j1", "j0"]
    with database.units() as uow:
        uow.catalog.apply(ProfileId("other"), 1, [Change(S, ChangeOp.ADDED, sample_entry(b"x"))])
        uow.commit()


# --- steps that change what rows say ----------------------------------------------------------------------


def entered(engine, step, table, *changes):
    """More rows like the one of that step."""
    there = MetaData()
    there.reflect(engine)
    with engine.begin() as connection:
        connection.execute(insert(there.tables[table]), [rows_at(step)[table] | change for change in changes])


def test_of_previews_that_wait_for_the_same_the_oldest_stays(engine):
    upgraded_to(engine, "0011")
    asked = [("a", "p1"), ("b", "p1"), ("c", "p2"), ("d", "p1")]
    entered(engine, "0011", "job", *({"id": name, "kind": "preview", "profile": of} for name, of in asked))
    migrate(engine)
    queue = SqlJobQueue(engine, StepClock())
    assert {job.id for job in queue.list(status=[JobStatus.QUEUED])} == {"a", "c"}
    assert {job.id for job in queue.list(status=[JobStatus.CANCELLED])} == {"b", "d"}
    assert queue.enqueue(sample_job("e", JobKind.PREVIEW, "p1")).job.id == "a"


def test_keys_of_the_first_schema_stand_for_their_newest_request(engine):
    upgraded_to(engine, "0001")
    payload = dict(sample_job("x", JobKind.RESTORE).payload)
    jobs = [{"id": name, "profile": of, "payload": payload} for name, of in (("one", "p1"), ("two", "p2"))]
    entered(engine, "0001", "job", *jobs)
    times = zip(jobs, (AT, LATER), strict=True)
    keys = [
        {"idempotency_key": "k", "job_id": job["id"], "profile": job["profile"], "at": at}
        for job, at in times
    ]
    entered(engine, "0001", "job_key", *keys)
    migrate(engine)
    queue = SqlJobQueue(engine, StepClock())
    assert queue.enqueue(sample_job("again", JobKind.RESTORE, "p2", key="k")).job.id == "two"
    with pytest.raises(ConflictError):
        queue.enqueue(sample_job("other", JobKind.RESTORE, "p1", key="k"))


@pytest.mark.parametrize("sent", ["latest", RUN, "1"], ids=["latest", "exact", "number"])
def test_a_key_that_an_older_version_kept_still_answers(engine, sent):
    """It knew which point was meant, but not in which words."""
    upgraded_to(engine, "0017")
    meant = replace(sample_job("again", JobKind.RESTORE, key="k"), payload={"point": RUN, "to": "x"})
    entered(engine, "0017", "job", {"id": "one", "profile": "docs", "payload": meant.payload})
    request = json.dumps(["docs", "restore", meant.payload], sort_keys=True, separators=(",", ":"))
    entered(engine, "0017", "job_key", {"idempotency_key": "k", "job_id": "one", "request": request})
    migrate(engine)
    queue = SqlJobQueue(engine, StepClock())
    asked = as_sent(meant, {"point": sent, "to": "x"})
    known = queue.answer_to(asked)
    assert (known.id if known else None) == (None if sent == "1" else "one")
    assert queue.enqueue(meant, sent=asked.payload).job.id == "one"
    for other in ({"point": "another", "to": "x"}, {"point": RUN, "to": "y"}, {"point": RUN}):
        assert queue.answer_to(as_sent(meant, other)) is None  # it may turn out to be the same
        with pytest.raises(ConflictError):
            queue.enqueue(replace(meant, payload=other))
    with pytest.raises(ConflictError):
        queue.enqueue(sample_job("backup", key="k"))


def test_versions_of_an_older_schema_count_as_gone(engine):
    upgraded_to(engine, "0004")
    entered(engine, "0004", "catalog_source", {})
    entered(engine, "0004", "file_version", {"path": b"x", "until_seq": 2})
    migrate(engine)
    with SqlUnitOfWork(engine, read_only=True) as uow:
        (version,) = uow.catalog.versions(P, S, sample_entry(b"x").path)
        assert (version.until_seq, version.excluded) == (2, False)
