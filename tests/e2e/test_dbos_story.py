"""An installation whose queue has DBOS as its engine: chosen by one setting, seen by `bck doctor`."""

import json

import pytest

from tests.support.cli import Bck, eventually
from tests.support.postgresql import fresh_database


@pytest.fixture
def url():
    with fresh_database() as address:
        yield address


@pytest.fixture
def bck(tmp_path, url, require_tool):
    require_tool("rsync")
    (tmp_path / "server").mkdir()
    (tmp_path / "pc").mkdir()
    (tmp_path / "pc" / "letter.txt").write_text("one")
    made = Bck(tmp_path / "server", {"BCK_RUNNER__POLL_SECONDS": "0.1", "BCK_CHECK__ENABLED": "false"})
    made.init("--database", url)
    made.ok("host", "add", "pc1", "--transport", "local", "--allow", str(tmp_path / "pc"))
    made.ok("profile", "add", "docs", "--host", "pc1", "--source", str(tmp_path / "pc"))
    made.settings |= {"BCK_QUEUE__ENGINE": "dbos", "BCK_QUEUE__NODE": "nas1"}
    return made


def finding(bck: Bck) -> str:
    """What `bck doctor` says of the queue."""
    [found] = [one for one in bck.run("doctor", "--json").json["items"] if one["name"] == "queue"]
    assert found["ok"]
    return str(found["detail"])


def test_backups_are_handed_out_by_dbos_with_and_without_a_server(bck, tmp_path):
    assert bck.ok("config", "show")["queue"] == {"engine": "dbos", "node": "nas1"}
    assert finding(bck).startswith("DBOS, node nas1; nobody works for it now")
    assert bck.ok("backup", "docs", "--wait")["status"] == "succeeded"  # nobody serves: done here
    (tmp_path / "pc" / "letter.txt").write_text("two, longer")
    with bck.serving():
        assert eventually(lambda: "worked for by" in finding(bck))
        assert bck.ok("backup", "docs", "--wait")["status"] == "succeeded"
        bck.settings["BCK_QUEUE__NODE"] = "nas2"
        alive = bck.ok("queue", "take-over", "nas1", code=5)["error"]
        assert "Node nas1 is not gone" in alive["what"]
        bck.settings["BCK_QUEUE__NODE"] = "nas1"
    assert len(bck.ok("points", "docs")["items"]) == 2
    status = bck.ok("queue", "status")
    assert (status["engine"], status["node"], status["unfinished"]) == ("dbos", "nas1", [])
    for line in (bck.folder / "stderr.log").read_text().splitlines():
        assert json.loads(line)["message"], line


@pytest.mark.sqlite  # DBOS is refused on it, which is what this is about
def test_what_dbos_needs_is_said(tmp_path):
    other = Bck(tmp_path / "other")
    other.folder.mkdir()
    other.init()
    other.settings["BCK_QUEUE__ENGINE"] = "dbos"
    refused = other.ok("jobs", code=2)["error"]
    assert "needs PostgreSQL" in refused["what"]
    assert "bck db migrate-to" in refused["advice"]


def test_what_cannot_be_taken_over_is_said(bck):
    assert bck.ok("queue", "take-over", "nas1", code=5)["error"]["code"] == "refused"
    assert bck.ok("queue", "take-over", "nas7", code=4)["error"]["code"] == "not-found"
    bck.ok("backup", "docs", "--wait")
    bck.settings["BCK_QUEUE__NODE"] = "nas2"  # it has a new name: its profiles go along
    assert bck.ok("queue", "take-over", "nas1") == {"node": "nas2", "from": "nas1", "jobs": 1}
    assert bck.ok("backup", "docs", "--wait")["status"] == "succeeded"
