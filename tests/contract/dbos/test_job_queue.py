"""The queue keeps its promises with DBOS as its engine."""

import pytest
from hypothesis import settings

from bck_adapters.testkit.contracts_latest import NewestJobsContract
from bck_adapters.testkit.contracts_queue import JobQueueContract
from bck_adapters.testkit.machine_queue import QueueMachine
from tests.support.databases import few_examples
from tests.support.dbos_queues import SURE, Node, emptied, node

NODES: list[Node] = []


@pytest.fixture(scope="module", autouse=True)
def one_node():
    """Launched once: what a launch promises, tests/integration/dbos asks."""
    with node(emptied(), patience=SURE) as made:
        NODES[:] = [made]
        yield


class TestDbosJobQueue(JobQueueContract, NewestJobsContract):
    @pytest.fixture
    def queue(self, clock):
        emptied(NODES[0])
        return NODES[0].queue(clock)

    @pytest.mark.long  # DBOS has no part in logs: the same tables are tried for every push without it
    def test_a_log_ends_at_its_limit_and_says_so(self, queue):
        super().test_a_log_ends_at_its_limit_and_says_so(queue)


class DbosQueueMachine(QueueMachine):
    def make_queue(self, clock):
        emptied(NODES[0])
        return NODES[0].queue(clock)


# DBOS's polling thread draws its jitter from `random`, now and then while a strategy of ours draws; whoever
# watches that the module is left alone takes it for the strategy.
_polled_meanwhile = pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module inside strategies:hypothesis.errors.HypothesisDeprecationWarning"
)
TestDbosQueueMachine = _polled_meanwhile(DbosQueueMachine.TestCase)
TestDbosQueueMachine.settings = settings(stateful_step_count=15, max_examples=few_examples())
