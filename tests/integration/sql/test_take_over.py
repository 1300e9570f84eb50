"""With the embedded queue too a node that is at work is not taken over: a valid lease tells."""

import pytest

from bck_adapters.testkit.samples import sample_job
from bck_apps.wiring import database_place, initialise, open_application
from bckcore.domain.audit import Action
from bckcore.domain.job import JobResult, JobStatus
from bckcore.domain.secret import Secret
from bckcore.errors import RefusedError


@pytest.fixture
def home(tmp_path, url):
    home = tmp_path / "home"
    initialise(
        home,
        storage=tmp_path / "store",
        names=(),
        admin="ann",
        password=Secret("a long enough password"),
        database=database_place(url),
    ).close()
    return home


@pytest.fixture
def opened(home, monkeypatch):
    """Opens the installation as one storage node or another."""

    def made(node):
        monkeypatch.setenv("BCK_QUEUE__NODE", node)
        return open_application(home)

    return made


def test_a_node_whose_runner_holds_a_job_is_not_taken_over(opened):
    with opened("nas1") as there:
        there.queue.enqueue(sample_job("a"))
        claim = there.queue.claim("runner", lease_seconds=600)
        with opened("nas2") as here:
            with pytest.raises(RefusedError, match="Node nas1 is not gone") as refused:
                here.take_over_node("nas1")
            assert "job a" in refused.value.what
            assert refused.value.advice
            assert here.jobs_by_node() == {"nas1": 1}
            there.queue.finish(claim, JobStatus.SUCCEEDED, JobResult())
            assert here.take_over_node("nas1") == 1
            deeds = [one.deed for one in here.evidence.entries()]
            told = [deed for deed in deeds if deed.action is Action.NODE_TAKEN_OVER]
            assert [one.outcome.value for one in told] == ["asked", "failed", "asked", "done"]
            assert dict(told[-1].about) == {"node": "nas1", "to": "nas2", "jobs": "1"}


def test_a_node_whose_lease_has_ended_is_taken_over_with_its_job(opened):
    with opened("nas1") as there, opened("nas2") as here:
        there.queue.enqueue(sample_job("a"))
        assert there.queue.claim("runner", lease_seconds=0) is not None
        assert here.take_over_node("nas1") == 1
        again = here.queue.claim("runner of nas2", lease_seconds=60)
        assert (again.job.id, again.job.deaths) == ("a", 1)
