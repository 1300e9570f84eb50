"""DBOS as engine: what happens where processes, connections and settings come and go."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bck_adapters.clock import SystemClock
from bck_adapters.dbos.node_lock import NodeLock
from bck_adapters.dbos.queue import SILENT_SECONDS
from bck_adapters.processes import LinuxProcesses
from bck_adapters.sql import sql_database
from bck_adapters.testkit.samples import sample_job
from bckcore.domain.ids import JobId
from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.errors import DatabaseUnreachableError, StorageError
from tests.support.cli import PATIENCE, eventually
from tests.support.dbos_queues import Node, database_name, emptied, node
from tests.support.postgresql import postgres_server, shared_server

LEASE = 600.0
PROCESSES = LinuxProcesses()


@pytest.fixture
def url():
    return emptied()


@pytest.fixture
def sql_queue():
    """Makes queues over the product's tables alone, as a process has them that knows no DBOS."""
    with ExitStack() as kept:

        def made(url, name="main"):
            database = sql_database(url, SystemClock())
            kept.callback(database.close)
            database.migrate()
            assert database.node_queue is not None
            return database.node_queue(name)

        yield made


@contextmanager
def working(url: str, name: str = "main", *more: str):
    """Another process that is the node's runner; what it printed, line by line, can be read."""
    program = Path(__file__).with_name("works.py")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, str(program), url, name, *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    try:
        yield process
    finally:
        process.communicate(timeout=PATIENCE)
        assert process.returncode in (0, -9)


def taken(queue, **more):
    """The claim that comes in a while."""
    claims = []

    def got() -> bool:
        claim = queue.claim("here", **{"lease_seconds": LEASE, "holder": PROCESSES.me()} | more)
        claims.extend([claim] if claim else [])
        return bool(claims)

    assert eventually(got)
    return claims[0]


def ended(queue, claim):
    return queue.finish(claim, JobStatus.SUCCEEDED, JobResult())


def test_the_job_of_a_killed_runner_is_taken_once_by_the_next_runner_of_the_node(url):
    with node(url) as made:
        queue = made.queue()
        queue.enqueue(sample_job("a"))
        with working(url) as other:
            assert other.stdout.readline() == "a\n"
            other.kill()
            other.wait(PATIENCE)
        assert [job.id for job in queue.release_dead(PROCESSES.is_dead)] == ["a"]
        claim = taken(queue)
        assert (claim.job.id, claim.job.claims) == ("a", 2)
        assert queue.claim("here", lease_seconds=LEASE) is None
        assert ended(queue, claim).status is JobStatus.SUCCEEDED
        assert eventually(lambda: made.engine.waiting().offered == 0)


def test_a_second_runner_of_the_node_waits_and_says_for_whom_until_the_first_has_ended(url, caplog):
    with node(url) as made:
        queue = made.queue()
        queue.enqueue(sample_job("a", profile="p1", host="h1"))
        with working(url) as other:
            assert other.stdout.readline() == "a\n"
            queue.enqueue(sample_job("b", profile="p2", host="h2"))
            assert queue.claim("here", lease_seconds=LEASE) is None
            assert not made.engine.launched
            assert f"node main is worked for by {os.uname().nodename}:{other.pid}" in caplog.text
            assert f":{other.pid}" in queue.state().detail
        assert taken(queue).job.id == "b"


def test_the_node_of_a_frozen_runner_is_taken_from_it_once_its_lease_has_ended(url, caplog):
    """It keeps its lock, for its connection lives; woken, it learns that and what it holds is fenced off."""
    with node(url) as made:
        queue = made.queue()
        queue.enqueue(sample_job("a"))
        with working(url, "main", "3") as other:
            assert other.stdout.readline() == "a\n"
            os.kill(other.pid, signal.SIGSTOP)
            claim = taken(queue, lease_seconds=3.0)
            assert (claim.job.id, claim.job.deaths) == ("a", 1)
            assert f"{os.uname().nodename}:{other.pid} has been silent for too long" in caplog.text
            os.kill(other.pid, signal.SIGCONT)
            assert ended(queue, claim).status is JobStatus.SUCCEEDED


def is_silent() -> bool:
    """Whether the connection that holds the node's lock has asked nothing for long."""
    query = """
        SELECT state_change < now() - interval '%s seconds' FROM pg_stat_activity
        WHERE application_name LIKE 'bck runner %%' AND datname = current_database()
    """
    with shared_server().admin(database_name()) as connection:
        [(silent,)] = connection.execute((query % SILENT_SECONDS).encode()).fetchall()
    return bool(silent)


def test_a_runner_that_holds_a_claim_keeps_its_node_however_silent_it_is(url, caplog):
    with node(url) as made, node(url) as other_made:
        queue, other = made.queue(), other_made.queue()
        queue.enqueue(sample_job("a"))
        claim = taken(queue)
        assert eventually(is_silent)
        assert other.claim("there", lease_seconds=1.0) is None
        assert "silent for too long" not in caplog.text
        assert queue.claim("here", lease_seconds=LEASE) is None
        assert made.engine.launched
        assert ended(queue, claim).status is JobStatus.SUCCEEDED


def test_a_runner_that_asks_for_work_keeps_its_node_though_it_has_none(url, caplog):
    with node(url) as made, node(url) as other_made:
        queue, other = made.queue(), other_made.queue()
        assert queue.claim("here", lease_seconds=LEASE) is None
        assert other.claim("there", lease_seconds=1.0) is None
        assert "silent for too long" not in caplog.text
        assert queue.claim("here", lease_seconds=LEASE) is None
        assert made.engine.launched


def test_what_a_crash_kept_from_the_engine_is_found_by_the_sweep(url, sql_queue):
    """The row was written, and the process died before it told the engine."""
    with node(url, patience=0.0) as made:
        queue = made.queue()
        queue.enqueue(sample_job("known"))
        ended(queue, taken(queue))
        sql_queue(url).enqueue(sample_job("untold"))
        assert queue.claim("here", lease_seconds=LEASE) is None  # nobody offers it
        queue.sweep()
        assert taken(queue).job.id == "untold"


def test_what_the_engine_thinks_is_over_is_offered_again_while_the_job_is_not(url):
    with node(url) as made:
        queue = made.queue()
        queue.enqueue(sample_job("a"))
        taken(queue)
        made.offers.settle(JobId("a"))
        assert eventually(lambda: made.engine.waiting().offered == 0)
        queue.sweep()
        assert eventually(lambda: made.offers.open() == {"a"})


def test_offers_of_jobs_that_others_ended_are_settled_by_the_sweep(url, sql_queue):
    with node(url) as made:
        queue = made.queue()
        queue.enqueue(sample_job("a"))
        queue.enqueue(sample_job("b", JobKind.RESTORE))
        assert taken(queue).job.id == "a"
        assert eventually(lambda: made.offers.open() == {"a", "b"})
        sql_queue(url).request_cancel(JobId("b"))
        queue.sweep()
        assert eventually(lambda: made.offers.open() == {"a"})


def test_offers_of_a_runner_that_ended_in_order_are_offered_by_the_next_launch(url):
    with node(url) as made:
        queue = made.queue()
        queue.enqueue(sample_job("a"))
        claim = taken(queue)
        queue.hand_back(claim)
        made.engine.stop()
        assert not made.offers.open()
        again = taken(queue)
        assert (again.job.id, again.job.claims) == ("a", 2)


def test_ended_offers_go_after_a_day_and_no_others(url):
    with node(url) as made:
        queue = made.queue()
        for name in ("a", "b"):
            queue.enqueue(sample_job(name, JobKind.RESTORE))
        ended(queue, taken(queue))
        now = datetime.now(UTC)
        assert eventually(lambda: made.engine.waiting().offered == 1)
        assert made.engine.forget_ended(now - timedelta(days=1)) == 0
        assert made.engine.forget_ended(now + timedelta(days=1)) == 1
        assert taken(queue).job.id == "b"


# --- nodes ------------------------------------------------------------------------------------------


def test_a_node_takes_its_own_profiles_jobs_whoever_asks_for_them(url):
    with node(url, "one") as one, node(url, "two") as two:
        queue, other = one.queue(), two.queue()
        assert queue.claim("here", lease_seconds=LEASE) is None  # whoever works first makes DBOS's tables
        other.enqueue(sample_job("a", profile="p2"))
        queue.enqueue(sample_job("b", JobKind.RESTORE, profile="p2", host="h2"))
        queue.enqueue(sample_job("c", profile="p3", host="h3"))
        assert taken(queue).job.id == "c"
        assert queue.claim("here", lease_seconds=LEASE) is None
        assert "2 jobs for node two" in queue.state().detail
        assert two.engine.waiting().queued == 2
        one.close()
        for name in ("a", "b"):
            assert ended(other, taken(other)).id == name


def test_a_process_works_for_one_node(url, caplog):
    with node(url, "one") as one, node(url, "two") as two:
        assert one.queue().claim("here", lease_seconds=LEASE) is None
        assert two.queue().claim("here", lease_seconds=LEASE) is None
        assert (one.engine.launched, two.engine.launched) == (True, False)
        assert "a process works for one" in caplog.text


def test_the_jobs_of_a_node_that_is_gone_can_be_taken_over(url, sql_queue):
    with node(url, "gone") as gone, node(url, "here") as here:
        gone.queue().enqueue(sample_job("a"))
        queue = here.queue()
        assert queue.claim("here", lease_seconds=LEASE) is None
        assert sql_queue(url, "here").take_over("gone") == 1
        queue.sweep()
        assert taken(queue).job.id == "a"
        queue.enqueue(sample_job("b", JobKind.RESTORE))
        assert sql_queue(url, "here").node_of(JobId("b")) == "here"


# --- around it --------------------------------------------------------------------------------------


def test_jobs_that_waited_in_the_embedded_queue_run_when_dbos_is_chosen(url, sql_queue):
    database = sql_database(url, SystemClock())
    database.queue.enqueue(sample_job("of-no-node", profile="p1", host="h1"))
    database.close()
    sql_queue(url).enqueue(sample_job("of-the-node", profile="p2", host="h2"))
    with node(url) as made:
        queue = made.queue()
        claims = [taken(queue), taken(queue)]
        assert [claim.job.id for claim in claims] == ["of-no-node", "of-the-node"]
        for claim in claims:
            ended(queue, claim)
        queue.enqueue(sample_job("back", profile="p1", host="h1"))
    claim = sql_queue(url).claim("embedded", lease_seconds=LEASE)  # and the way back
    assert claim.job.id == "back"


def test_who_loses_the_lock_of_its_node_offers_nothing_while_another_has_it(url):
    with node(url) as made:
        queue = made.queue()
        queue.enqueue(sample_job("a", profile="p1", host="h1"))
        ended(queue, taken(queue))
        queue.enqueue(sample_job("b", profile="p2", host="h2"))
        other = NodeLock(made.connections, "main")
        assert not other.take()
        with shared_server().admin() as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s",
                (f"bck runner %:{os.getpid()}",),
            )
        assert eventually(other.take)
        try:
            assert eventually(lambda: not _launched(made, queue))
        finally:
            other.let_go()
        assert taken(queue).job.id == "b"


def _launched(made: Node, queue) -> bool:
    queue.claim("here", lease_seconds=LEASE, only=JobId("none"))
    return made.engine.launched


def test_a_restart_of_the_server_loses_nothing_and_the_node_goes_on():
    with postgres_server() as server, node(server.url(server.create())) as made:
        queue = made.queue()
        queue.enqueue(sample_job("a", profile="p1", host="h1"))
        claim = taken(queue)
        queue.enqueue(sample_job("b", profile="p2", host="h2"))
        server.stop()
        with pytest.raises(DatabaseUnreachableError):
            queue.enqueue(sample_job("c", profile="p3", host="h3"))
        server.start()
        assert eventually(lambda: _answers(queue))
        ended(queue, claim)
        queue.enqueue(sample_job("d", profile="p4", host="h4"))
        claims = [taken(queue), taken(queue)]
        assert [one.job.id for one in claims] == ["b", "d"]
        assert [ended(queue, one).status for one in claims] == [JobStatus.SUCCEEDED] * 2
        assert {job.id for job in queue.list()} == {"a", "b", "d"}


def _answers(queue) -> bool:
    try:
        queue.list()
    except DatabaseUnreachableError:
        return False
    return True


def test_a_database_user_who_may_not_make_the_schema_is_told_what_to_grant():
    server = shared_server()
    name = server.create(template=server.migrated)
    server.run("DROP ROLE IF EXISTS poor", "CREATE ROLE poor LOGIN")
    with server.admin(name) as admin:
        admin.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO poor")
    try:
        with (
            node(server.url(name).replace("bckadmin@", "poor@")) as made,
            pytest.raises(StorageError, match="may not make its tables") as refused,
        ):
            made.queue().claim("here", lease_seconds=LEASE)
        assert "GRANT CREATE ON DATABASE" in refused.value.advice
    finally:
        server.drop(name)
