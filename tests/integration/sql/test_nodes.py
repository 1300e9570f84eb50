"""Storage nodes over one database with the embedded queue: whose profiles are whose."""

import pytest

from bck_adapters.sql import sql_database
from bck_adapters.testkit.samples import StepClock, sample_job
from bckcore.domain.job import JobKind, JobResult, JobStatus

LEASE = 60.0


@pytest.fixture
def clock():
    return StepClock()


@pytest.fixture
def of_node(url, clock):
    database = sql_database(url, clock)
    database.migrate()
    yield database.node_queue
    database.close()


def test_a_node_knows_which_profiles_are_of_others(of_node):
    here, there = of_node("here"), of_node("there")
    here.enqueue(sample_job("a", profile="ours", host="h1"))
    there.enqueue(sample_job("b", profile="theirs", host="h2"))
    here.enqueue(sample_job("c", JobKind.CHECK, profile="theirs", host="h2"))  # goes where the profile is
    of_node("").enqueue(sample_job("d", profile="nobodys", host="h3"))
    assert here.profiles_elsewhere() == {"theirs"}
    assert there.profiles_elsewhere() == {"ours"}
    here.take_over("there")
    assert here.profiles_elsewhere() == frozenset()


def test_the_newest_job_that_has_a_node_tells_where_a_profile_is(of_node, clock):
    here = of_node("here")
    of_node("there").enqueue(sample_job("a", profile="docs"))
    claim = of_node("there").claim("r", lease_seconds=LEASE)
    of_node("there").finish(claim, JobStatus.SUCCEEDED, JobResult())
    assert here.profiles_elsewhere() == {"docs"}
    here.take_over("there")
    here.enqueue(sample_job("b", profile="docs"))
    assert here.profiles_elsewhere() == frozenset()
    assert of_node("there").profiles_elsewhere() == {"docs"}
