"""Rules, holds and pruning on the command line, without a server."""

import json
from datetime import datetime, timedelta

import pytest

from bck_adapters.clock import SystemClock
from tests.support.cli import Bck
from tests.support.sshd import running_sshd
from tests.support.worlds import world_of_folder

HOLD_KEYS = {"point", "seq", "reason", "owner", "created", "expires", "active"}
RULES = ("--keep-hourly", "24", "--keep-daily", "7", "--keep-weekly", "4", "--keep-monthly", "12")
MORE = ("--keep-yearly", "3", "--min-age", "2d", "--time-zone", "Europe/Rome")


@pytest.fixture
def bck(tmp_path, require_tool):
    """An installation with a profile that keeps one point, and four points of it."""
    require_tool("sshd")
    require_tool("rsync")
    docs = tmp_path / "pc" / "docs"
    docs.mkdir(parents=True)
    (tmp_path / "server").mkdir()
    made = Bck(tmp_path / "server")
    with running_sshd(tmp_path / "sshd") as sshd:
        made.init()
        made.add_host(sshd, tmp_path / "pc")
        made.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs), "--keep-last", "9")
        for number in range(4):
            (docs / "a").write_text(str(number) * 5000)
            made.ok("backup", "docs", "--wait")
    return made


def keep_one(bck: Bck) -> None:
    bck.ok("profile", "set", "docs", "--keep-last", "1", "--keep-within", "0s", "--min-age", "0s")


def seqs(bck: Bck) -> list[int]:
    return [point["seq"] for point in bck.ok("points", "docs")["items"]]


def test_rules_are_set_shown_and_kept(bck: Bck):
    shown = bck.ok("profile", "set", "docs", *RULES, *MORE)
    names = ("hourly", "daily", "weekly", "monthly", "yearly")
    assert [shown[f"keep_{name}"] for name in names] == [24, 7, 4, 12, 3]
    assert (shown["keep_last"], shown["min_age"], shown["time_zone"]) == (9, "2d", "Europe/Rome")
    assert bck.ok("profile", "show", "docs") == shown
    off = bck.ok("profile", "set", "docs", "--keep-daily", "0")
    assert (off["keep_daily"], off["keep_weekly"]) == (0, 4)
    text = bck.run("profile", "show", "docs").out
    assert "last 9, hourly 24, weekly 4, monthly 12, yearly 3, within 7d" in text
    for wrong in (("--time-zone", "Europe/Atlantis"), ("--min-age", "soon"), ("--keep-daily", "-1")):
        assert bck.run("profile", "set", "docs", *wrong).code == 2
    assert bck.ok("profile", "show", "docs") == off


def test_nothing_younger_than_a_day_goes_at_first(bck: Bck):
    bck.ok("profile", "set", "docs", "--keep-last", "1", "--keep-within", "0s")
    assert bck.ok("prune", "docs")["forgotten"] == 0
    assert seqs(bck) == [1, 2, 3, 4]
    assert "younger than 1d" in bck.ok("prune", "docs", "--dry-run")["items"][0]["reasons"]


def test_a_held_point_stays_until_it_is_released(bck: Bck, tmp_path):
    keep_one(bck)
    held = bck.ok("hold", "docs", "2", "--reason", "tax audit", "--for", "90d")
    assert set(held) == HOLD_KEYS
    assert (held["seq"], held["reason"], held["active"]) == (2, "tax audit", True)
    lasts = datetime.fromisoformat(held["expires"]) - SystemClock().now()
    assert timedelta(days=89) < lasts <= timedelta(days=90)
    assert bck.ok("holds", "docs") == {"items": [held]}

    plan = bck.ok("prune", "docs", "--dry-run")
    assert [one["keep"] for one in plan["items"]] == [False, True, False, True]
    assert (plan["forgotten"], plan["dry_run"]) == (2, True)
    done = bck.ok("prune", "docs")
    assert (done["forgotten"], done["bytes_freed"]) == (2, plan["bytes_freed"])
    assert plan["bytes_freed"] > 5000, "the contents of points 1 and 3"
    assert seqs(bck) == [2, 4]
    bck.ok("restore", "docs", "--point", "2", "--to", str(tmp_path / "two"))
    assert world_of_folder(tmp_path / "two" / "docs")[b"a"].data == b"1" * 5000

    assert bck.ok("release", "docs", held["point"], "--reason", "over")["seq"] == 2
    assert bck.ok("holds", "docs") == {"items": []}
    bck.ok("prune", "docs")
    assert seqs(bck) == [4]
    acts = sorted((bck.storage / ".receipts" / "pc1" / "docs").glob("act-*.json"))
    assert [json.loads(act.read_text())["kind"] for act in acts] == ["hold", "prune", "release", "prune"]


REFUSED = (
    (("hold", "docs", "99", "--reason", "why"), 4),
    (("hold", "nobody", "1", "--reason", "why"), 4),
    (("hold", "docs", "1", "--reason", ""), 2),
    (("hold", "docs", "1", "--reason", "two\nlines"), 2),
    (("hold", "docs", "1", "--reason", "why", "--until", "2001-01-01"), 2),
    (("hold", "docs", "1", "--reason", "why", "--until", "soon"), 2),
    (("hold", "docs", "1", "--reason", "why", "--for", "999999w"), 2),
    (("hold", "docs", "1", "--reason", "why", "--for", "1d", "--until", "2100-01-01"), 2),
    (("release", "docs", "1"), 4),
    (("release", "docs", "99"), 4),
    (("holds", "nobody"), 4),
)


def test_what_makes_no_sense_is_refused_and_changes_nothing(bck: Bck):
    for arguments, code in REFUSED:
        done = bck.run(*arguments, "--json")
        assert done.code == code, done
        assert set(done.json["error"]) == {"code", "what", "meaning", "advice"}
    assert bck.ok("holds", "docs") == {"items": []}
    assert not list((bck.storage / ".receipts" / "pc1" / "docs").glob("act-*"))


def test_a_point_is_not_held_twice(bck: Bck):
    bck.ok("hold", "docs", "latest", "--reason", "first", "--until", "2100-01-01T00:00+01:00")
    done = bck.run("hold", "docs", "4", "--reason", "second")
    assert done.code == 5
    assert "held by" in done.err
    assert "first" in done.err
    [held] = bck.ok("holds", "docs")["items"]
    assert held["expires"] == "2099-12-31T23:00:00+00:00"


def test_people_read_why_points_go_and_what_comes_free(bck: Bck):
    keep_one(bck)
    bck.ok("hold", "docs", "2", "--reason", "audit")
    shown = bck.run("prune", "docs", "--dry-run")
    assert "2 points would go" in shown.err
    assert "come free" in shown.err
    assert "held by" in shown.out
    assert "not among the last 1 good points" in shown.out
    assert "came free" in bck.run("prune", "docs").out
    assert "audit" in bck.run("holds", "docs").out
