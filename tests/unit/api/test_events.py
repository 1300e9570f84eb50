"""Server-sent events of a job: everything once, in order, resumable, over when the job is."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bck_adapters.memory import SettableClock
from bck_apps.api.events import JobEvents
from bckcore.domain.ids import HostId, JobId, ProfileId
from bckcore.domain.job import Job, JobKind, JobStatus
from bckcore.domain.transfer import TransferProgress
from tests.support.api_world import ApiWorld

Event = tuple[str, str, Any]


def parsed(text: str) -> Iterator[Event]:
    """(event, id, data) of each event; written after the standard, not after the program."""
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            yield fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"])


def _events(world: ApiWorld, job_id: str, query: str = "", **headers: str) -> list[Event]:
    response = world.call("GET", f"/backup/events/{job_id}{query}", headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    return list(parsed(response.text))


def _finished(world: ApiWorld, lines: int, status: JobStatus = JobStatus.SUCCEEDED) -> str:
    world.prepare()
    job_id = world.start()
    claim = world.claim()
    progress = TransferProgress(phase="transferring", files_done=3, percent=40)
    claim = world.application.queue.heartbeat(claim, lease_seconds=60, progress=progress)
    world.log(job_id, *(f"line {number}" for number in range(1, lines + 1)))
    world.finish(claim, status, run_id="r1")
    return job_id


def test_a_finished_job_gives_its_story_and_the_stream_ends(world: ApiWorld) -> None:
    job_id = _finished(world, 2, JobStatus.PARTIAL)
    events = _events(world, job_id)
    assert [(name, ident) for name, ident, _ in events] == [
        ("log", "1"),
        ("log", "2"),
        ("progress", ""),
        ("status", ""),
        ("end", ""),
    ]
    _, line, progress, status, end = (data for _, _, data in events)
    assert status == end == world.call("GET", f"/backup/status/{job_id}").json()
    assert (end["status"], end["result"]) == ("partial", {"run_id": "r1"})
    assert (line["text"], line["number"]) == ("line 2", 2)
    assert (progress["percent"], progress["files_done"]) == (100, 3)


def test_a_client_that_reconnects_gets_every_line_after_its_last(world: ApiWorld) -> None:
    job_id = _finished(world, 5)
    expected = ["4", "5"]
    for events in (
        _events(world, job_id, "", **{"Last-Event-ID": "3"}),
        _events(world, job_id, "?after=3"),
        _events(world, job_id, "?after=1", **{"Last-Event-ID": "3"}),
    ):
        assert [ident for name, ident, _ in events if name == "log"] == expected
        assert events[-1][0] == "end"


def test_an_id_that_this_job_never_gave_skips_nothing(world: ApiWorld) -> None:
    job_id = _finished(world, 3)
    for query, headers in (("", {"Last-Event-ID": "4"}), ("?after=9007199254740992", {})):
        events = _events(world, job_id, query, **headers)
        assert [ident for name, ident, _ in events if name == "log"] == ["1", "2", "3"]
    assert not [name for name, _, _ in _events(world, job_id, "?after=3") if name == "log"]


def test_the_first_event_says_how_soon_to_come_back(world: ApiWorld) -> None:
    job_id = _finished(world, 2)
    text = world.call("GET", f"/backup/events/{job_id}").text
    assert "retry: 1000" in text.split("\n\n")[0]
    assert text.count("retry:") == 1


def test_many_lines_come_all_and_once(world: ApiWorld) -> None:
    job_id = _finished(world, 1500)
    numbers = [int(ident) for name, ident, _ in _events(world, job_id) if name == "log"]
    assert numbers == list(range(1, 1501))


def test_a_line_with_breaks_stays_one_event(world: ApiWorld) -> None:
    world.prepare()
    job_id = world.start()
    claim = world.claim()
    world.log(job_id, "one\ntwo\n\nevent: end")
    world.finish(claim)
    [line] = [data for name, _, data in _events(world, job_id) if name == "log"]
    assert line["text"] == "one\ntwo\n\nevent: end"


def test_a_last_event_id_that_is_no_number_is_refused(world: ApiWorld) -> None:
    job_id = _finished(world, 1)
    response = world.call("GET", f"/backup/events/{job_id}", headers={"Last-Event-ID": "x"})
    assert response.status_code == 422


def test_unchanged_progress_is_not_repeated() -> None:
    job = Job(
        id=JobId("j"),
        kind=JobKind.BACKUP,
        profile=ProfileId("p"),
        host=HostId("h"),
        requested_by="x",
        created=SettableClock().now(),
    )
    events = JobEvents()
    assert [event.event for event in events.between(job, [])] == ["status"]
    assert list(events.between(job, [])) == []
    moved = replace(job, progress=TransferProgress(files_done=1))
    assert [event.event for event in events.between(moved, [])] == ["progress"]
    assert list(events.between(moved, [])) == []
