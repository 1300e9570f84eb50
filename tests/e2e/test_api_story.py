"""Users' stories over real HTTPS: a served installation, a PC behind a real sshd, a judge of our own."""

import json
import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.cli import PASSWORD, Bck, processes_about
from tests.support.sshd import LoopbackSshd, new_key, running_sshd
from tests.support.trees import BASE_MTIME_NS, ODD_NAMES, RealTree, assert_same_tree, copied_aside

PATIENCE = 60


@dataclass(slots=True)
class Story:
    """A client that is signed in, and the PC."""

    folder: Path
    client: httpx2.Client
    pc: LoopbackSshd
    documents: RealTree

    @property
    def current(self) -> Path:
        """Where the newest copies stand."""
        return self.folder / "store" / "current" / "pc1" / "docs" / "documents"

    def ok(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """The answer's JSON; anything but success fails the test."""
        response = self.client.request(method, path, json=body, headers=headers)
        assert response.is_success, response.text
        return response.json() if response.content else None

    def add_host(self) -> None:
        """pc1, its keys as it shows them now."""
        self.ok(
            "POST",
            "/hosts",
            {
                "name": "pc1",
                "address": self.pc.address,
                "port": self.pc.port,
                "user": self.pc.user,
                "private_key": self.pc.login.private,
                "allow": [os.fsdecode(self.documents.root)],
                "trust_on_first_use": True,
            },
        )

    def profile(self, **fields: object) -> dict[str, object]:
        """The body of profile docs."""
        path = os.fsdecode(self.documents.root)
        return {"name": "docs", "host": "pc1", "sources": [{"path": path}], **fields}

    def start(self) -> str:
        """Ask for a backup; the job's id."""
        return str(self.ok("POST", "/backup/start", {"profile": "docs"})["job"]["job_id"])

    def events(self, job_id: str) -> Iterator[tuple[str, Any]]:
        """Events as they come; the response is closed with the generator."""
        with self.client.stream("GET", f"/backup/events/{job_id}") as response:
            name = ""
            for line in response.iter_lines():
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    yield name, json.loads(line[6:])

    def ended(self, job_id: str) -> Any:
        """The job as its last event shows it."""
        *_, (name, job) = self.events(job_id)
        assert name == "end"
        listed = self.ok("GET", "/jobs?limit=1")["items"][0]
        assert {**listed, "result": None} == {**job, "result": None}
        return job

    def backed_up(self) -> Any:
        """The result of a backup that must succeed."""
        job = self.ended(self.start())
        assert job["status"] == "succeeded", job
        return job["result"]

    def restored(self, point: str, name: str, **fields: object) -> Path:
        """The restored source, brought back by a job."""
        folder = self.folder / name
        body = {"profile": "docs", "point": point, "to": str(folder), **fields}
        job = self.ended(self.ok("POST", "/restore/start", body)["job"]["job_id"])
        assert job["status"] == "succeeded", job
        return folder / "documents"


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    bck = Bck(tmp_path)
    made = bck.init()
    documents = RealTree.at(tmp_path / "documents")
    with running_sshd(tmp_path / "sshd") as pc, bck.serving() as (_process, address):
        context = ssl.create_default_context(cafile=made["ca_certificate"])
        with httpx2.Client(base_url=address["url"], verify=context, timeout=PATIENCE) as client:
            token = client.post("/auth/login", json={"name": "ann", "password": PASSWORD}).json()
            client.headers["Authorization"] = f"Bearer {token['access_token']}"
            yield Story(tmp_path, client, pc, documents)
    assert processes_about(tmp_path) == []


def _fill(tree: RealTree) -> None:
    for number, name in enumerate(ODD_NAMES):
        tree.write(b"odd/" + name, b"content %d\n" % number * 50)
    tree.mkdir(b"empty", mode=0o700)
    tree.symlink(b"link", b"odd/nowhere")
    tree.write(b"deep/" + b"d/" * 40 + b"file", b"deep")
    tree.write(b"becomes a folder", b"file")
    tree.write(b"edited", b"before")


def test_a_point_comes_back_exactly_after_the_folder_went_on(story: Story, tmp_path: Path) -> None:
    _fill(story.documents)
    story.add_host()
    assert story.ok("POST", "/hosts/pc1/probe")["sources"][0]["listed"]
    story.ok("POST", "/profiles", story.profile())
    source = tmp_path / "documents"
    before = copied_aside(source, tmp_path / "aside")
    first = story.backed_up()
    assert first["counts"]["gone"] == 0
    story.documents.write(b"edited", b"later!", mtime_ns=BASE_MTIME_NS + 1)  # same second, same size
    story.documents.delete(b"odd")
    story.documents.delete(b"becomes a folder")
    story.documents.write(b"becomes a folder/inside", b"x")
    story.documents.chmod(b"empty", 0o755)
    second = story.backed_up()
    assert second["seq"] == first["seq"] + 1
    points = story.ok("GET", "/profiles/docs/points")["items"]
    assert [point["point"] for point in points] == [first["point"], second["point"]]
    assert_same_tree(before, story.restored(first["point"], "r1"))
    assert_same_tree(source, story.restored("latest", "r2"))


def test_a_run_that_saw_no_difference_makes_no_point(story: Story) -> None:
    story.documents.write(b"a", b"a")
    story.add_host()
    story.ok("POST", "/profiles", story.profile())
    first = story.backed_up()
    again = story.backed_up()
    assert (again["made_point"], again["point"]) == (False, first["point"])
    [point] = story.ok("GET", "/profiles/docs/points")["items"]
    assert point["verified_at"] > point["finished"]


def test_one_name_that_is_no_utf8_can_be_brought_back_alone(story: Story) -> None:
    story.documents.write(b"caf\xe9", b"latin 1")
    story.documents.write(b"other", b"other")
    story.add_host()
    story.ok("POST", "/profiles", story.profile())
    story.backed_up()
    restored = story.restored("latest", "r1", path_bytes=["documents/caf%E9"])
    assert os.listdir(os.fsencode(restored)) == [b"caf\xe9"]


@pytest.mark.parametrize(
    ("fault", "code"), [("host key", "host-key-changed"), ("login key", "authentication-refused")]
)
def test_a_pc_that_is_not_as_it_was_is_named_and_costs_nothing(story: Story, fault: str, code: str) -> None:
    story.documents.write(b"a", b"a")
    story.add_host()
    story.ok("POST", "/profiles", story.profile())
    point = story.backed_up()["point"]
    story.pc.stop()
    if fault == "host key":
        story.pc.host_keys = [new_key()]
    else:
        story.pc.login = new_key()
    story.pc.start()
    story.documents.write(b"a", b"changed", mtime_ns=BASE_MTIME_NS + 1)
    job_id = story.start()
    job = story.ended(job_id)
    assert (job["status"], job["error"]["code"]) == ("failed", code)
    lines = story.ok("GET", f"/backup/log/{job_id}")["items"]
    told = " ".join(job["error"][part] for part in ("what", "meaning", "advice"))
    assert told in [line["text"] for line in lines if line["level"] == "error"]
    problem = story.client.post("/hosts/pc1/probe")
    assert (problem.status_code, problem.json()["type"]) == (502, f"urn:bck:{code}")
    assert [one["point"] for one in story.ok("GET", "/profiles/docs/points")["items"]] == [point]
    assert (story.current / "a").read_bytes() == b"a"


def test_a_folder_outside_the_allow_list_is_refused(story: Story, tmp_path: Path) -> None:
    story.add_host()
    body = story.profile(sources=[{"path": str(tmp_path / "sshd")}])
    response = story.client.post("/profiles", json=body)
    assert (response.status_code, response.json()["type"]) == (403, "urn:bck:path-not-allowed")


def test_a_cancelled_backup_stops_soon_and_the_next_one_is_whole(story: Story, tmp_path: Path) -> None:
    story.documents.write(b"small", b"small")
    story.documents.write(b"big", os.urandom(8_000_000))
    story.add_host()
    story.ok("POST", "/profiles", story.profile(bandwidth_limit=200_000))
    job_id = story.start()
    for name, data in story.events(job_id):
        if name == "progress" and data["bytes_done"]:
            assert story.ok("POST", f"/backup/cancel/{job_id}")["cancel_requested"]
            break
    job = story.ended(job_id)
    assert (job["status"], job["error"]["code"]) == ("cancelled", "cancelled")
    assert {path.name for path in story.current.iterdir()} <= {"small"}, "a stump of ours or of the PC's"
    story.ok("PUT", "/profiles/docs", story.profile())
    story.backed_up()
    assert_same_tree(tmp_path / "documents", story.restored("latest", "r1"))
