"""Offers, log lines and errors of the DBOS adapter, without DBOS at work."""

import asyncio
import logging
import threading

import pytest

from bck_adapters.dbos import making
from bck_adapters.dbos.logs import Calm
from bck_adapters.dbos.offers import Offers
from bck_adapters.dbos.plugin import bck_queues
from bck_adapters.memory import MemoryDatabase
from bck_adapters.testkit.samples import StepClock
from bckcore.domain.ids import JobId
from bckcore.domain.target import Target
from bckcore.errors import InvalidInputError
from bckcore.plugins.registry import AdapterContext, QueueContext
from tests.support.cli import eventually

A, B = JobId("a"), JobId("b")


@pytest.fixture
def loop():
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever)
    thread.start()
    yield made
    made.call_soon_threadsafe(made.stop)
    thread.join()
    made.close()


def presented(loop, offers, job):
    """The end of an offer that is there."""
    ending = asyncio.run_coroutine_threadsafe(offers.present(job), loop)
    assert eventually(lambda: job in offers.open())
    return ending


def test_an_offer_stands_until_it_is_settled(loop):
    offers = Offers()
    ending = presented(loop, offers, A)
    assert offers.open() == {A}
    assert not ending.done()
    offers.settle(A)
    offers.settle(A)
    ending.result(60)
    assert offers.open() == frozenset()


def test_the_first_in_turn_is_waited_for_once_and_then_passed(loop):
    offers = Offers()
    ending = presented(loop, offers, B)
    assert offers.first_of([A, B], patience=0.01) == B
    assert offers.first_of([A, B], patience=3600) == B  # would wait an hour
    late = presented(loop, offers, A)
    assert offers.first_of([A, B], patience=0) == A
    for job in (A, B):
        offers.settle(job)
    for one in (ending, late):
        one.result(60)


def test_of_two_offers_of_one_job_the_newer_one_stands(loop):
    offers = Offers()
    older = presented(loop, offers, A)
    newer = asyncio.run_coroutine_threadsafe(offers.present(A), loop)
    older.result(60)
    assert offers.open() == {A}
    offers.settle(A)
    newer.result(60)


def test_the_same_line_is_written_once_a_minute_and_without_its_traceback(caplog):
    calm, logger = Calm(), logging.getLogger("tests.calm")
    logger.addFilter(calm)
    for _ in range(3):
        try:
            raise ValueError
        except ValueError:
            logger.exception("the database is away")
    logger.warning("Asyncio task cancelled for workflow x")
    assert [(one.message, one.exc_info) for one in caplog.records] == [("the database is away", None)]
    logger.removeFilter(calm)


def context(tmp_path, url):
    clock = StepClock()
    adapter = AdapterContext(
        home=tmp_path, runtime_dir=tmp_path, target=Target(root=tmp_path), database_url=url, clock=clock
    )
    return QueueContext(adapter=adapter, database=MemoryDatabase(clock).as_database(), node="main")


def test_without_postgresql_or_without_the_package_people_are_told_what_to_do(tmp_path, monkeypatch):
    make = bck_queues()["dbos"]
    with pytest.raises(InvalidInputError, match="needs PostgreSQL") as refused:
        make(context(tmp_path, "sqlite:///x"))
    assert "queue.engine" in refused.value.advice
    monkeypatch.setattr(making, "find_spec", lambda _: None)
    with pytest.raises(InvalidInputError, match="not installed") as refused:
        making.require_package()
    assert "bckwinrsync[server,cluster]" in refused.value.advice
