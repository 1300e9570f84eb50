"""What a backup could not read is asked for once, and listed by cause."""

from __future__ import annotations

from bck_apps.gui.problems import ConnectionFailedError
from bck_apps.gui.texts.catalogue import CATALOGUES
from bck_apps.gui.viewmodels.problem_list import ProblemList
from bckcore.domain.problem_reason import EXPLANATIONS, Reason
from tests.support.gui_api import NOON, MemoryApi, done, file_problem, profile
from tests.unit.gui.test_viewmodels import World

PARTIAL = done("j", "partial", NOON, result={"run_id": "r1", "problems": 3})


def listed(problems: ProblemList) -> list[tuple[str, list[str]]]:
    return [(group.reason, [item.path for item in group.items]) for group in problems.groups]


def three() -> MemoryApi:
    found = [file_problem("docs/a"), file_problem("docs/b", "in-use"), file_problem("docs/c", "in-use")]
    return MemoryApi(kept_problems={"r1": found})


def test_they_are_listed_by_cause_the_most_frequent_first_and_asked_for_once() -> None:
    api = three()
    problems = ProblemList(api)
    for _ in range(3):
        problems.show(PARTIAL)
    assert listed(problems) == [("in-use", ["docs/b", "docs/c"]), ("no-permission", ["docs/a"])]
    assert (problems.total, problems.left_out, api.asked_problems) == (3, 0, ["r1"])


def test_a_run_without_problems_asks_nothing_and_clears_the_list() -> None:
    api = three()
    problems = ProblemList(api)
    problems.show(PARTIAL)
    problems.show(done("k", at=NOON, result={"run_id": "r2", "problems": 0}))
    assert (problems.groups, problems.total, api.asked_problems) == ((), 0, ["r1"])
    problems.show(None)
    assert problems.groups == ()


def test_an_answer_that_comes_too_late_is_not_shown_as_another_runs() -> None:
    api = three()
    problems = ProblemList(api)
    api.hold = True
    problems.show(PARTIAL)
    problems.show(done("k", at=NOON, result={"run_id": "r2", "problems": 0}))
    api.release()
    assert (problems.groups, problems.total) == ((), 0)


def test_what_could_not_be_asked_is_asked_again_with_the_next_news() -> None:
    api = three()
    api.fail["problems"] = ConnectionFailedError("offline")
    problems = ProblemList(api)
    problems.show(PARTIAL)
    assert (problems.error, problems.groups, problems.total) == (api.fail["problems"], (), 3)
    del api.fail["problems"]
    problems.show(PARTIAL)
    assert (problems.error, len(problems.groups)) == (None, 2)


def test_a_server_that_no_longer_knows_them_has_answered() -> None:
    problems = ProblemList(MemoryApi())
    assert not problems.answered
    problems.show(PARTIAL)
    assert (problems.groups, problems.answered) == ((), True)


def test_the_page_shows_those_of_the_latest_backup_that_came_to_its_end() -> None:
    api = three()
    api.held = [profile("docs")]
    api.kept_jobs = [
        done("new", "cancelled", NOON, profile="docs"),
        PARTIAL.model_copy(update={"profile": "docs"}),
    ]
    page = World(api).home.pages[0]
    assert [group.reason for group in page.problems.groups] == ["in-use", "no-permission"]


def test_every_cause_has_words_in_each_language() -> None:
    for words in CATALOGUES.values():
        told = {key.split(".")[1] for key in words if key.startswith("reason.")}
        assert told == set(Reason) == set(EXPLANATIONS)
