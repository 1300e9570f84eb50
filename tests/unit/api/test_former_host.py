"""What a removed host left waits under its name, and nobody gets it by mistake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bckcore.domain.ids import HostId
from tests.support.neighbours import MARK, Neighbours, neighbours

PC, DOCS = f"{MARK}-pc", f"{MARK}-docs"
MADE_AGAIN: dict[str, Any] = {"name": PC, "transport": "memory", "allow": ["/home/m"], "owners": ["mallory"]}


@pytest.fixture
def two(quick_dir: Path) -> Iterator[Neighbours]:
    """ada's PC was backed up, and is removed with its profile."""
    with neighbours(quick_dir) as two:
        assert two.world.call("DELETE", f"/profiles/{DOCS}").status_code == 200
        assert two.world.call("DELETE", f"/hosts/{PC}").status_code == 204
        yield two


def test_the_name_of_a_removed_host_is_given_to_another_only_on_purpose(two: Neighbours) -> None:
    def seen() -> list[int]:
        job = f"/backup/log/{two.names['job_id']}"
        return [two.call("mallory", "GET", path).status_code for path in (f"/hosts/{PC}", job)]

    for method, path, body in (
        ("POST", "/hosts", MADE_AGAIN),
        ("POST", f"/hosts/{PC}/enrolment", {"allow": ["/home/m"]}),
    ):
        refused = two.world.call(method, path, json=body)
        assert refused.status_code == 409, refused.text
        assert f"backups of {DOCS} and jobs with their logs" in refused.json()["detail"]
        assert "--take-over-history" in refused.json()["advice"]
    assert seen() == [404, 404]
    assert two.world.call("POST", "/hosts", json=MADE_AGAIN | {"take_over_history": True}).status_code == 201
    assert seen() == [200, 200]


def test_the_same_pc_is_enrolled_again_on_purpose_and_its_history_goes_on(two: Neighbours) -> None:
    asked = {"allow": ["/home/ada"], "take_over_history": True}
    opened = two.world.call("POST", f"/hosts/{PC}/enrolment", json=asked)
    assert opened.status_code == 201, opened.text
    # Who is there already is made anew by nobody, so nothing is taken over: no word is needed.
    again = two.world.call("POST", f"/hosts/{PC}/enrolment", json={})
    assert again.status_code == 201
    plan = {"name": DOCS, "host": PC, "sources": [{"path": f"/home/ada/{DOCS}"}]}
    assert two.world.call("POST", "/profiles", json=plan).status_code == 201
    (point,) = two.world.call("GET", f"/profiles/{DOCS}/points").json()["items"]
    assert point["point"] == two.names["run_id"]


def test_a_host_that_left_nothing_is_made_again_without_a_word(two: Neighbours) -> None:
    body = MADE_AGAIN | {"name": "fresh"}
    for _ in range(2):
        assert two.world.call("POST", "/hosts", json=body).status_code == 201
        assert two.world.call("DELETE", "/hosts/fresh").status_code == 204


def test_only_files_in_the_storage_are_enough_and_only_jobs_are(two: Neighbours) -> None:
    former = two.world.application.container.former_hosts()
    root = two.world.application.settings.storage.root
    (root / "current" / "elsewhere" / "docs" / "docs").mkdir(parents=True)
    (root / "current" / "elsewhere" / "docs" / "docs" / "f").write_text("of another server")
    assert former.left_of(HostId("elsewhere")) == "backups of docs"
    root.rename(root.with_name("unmounted"))
    assert former.left_of(HostId(PC)) == "jobs with their logs"
