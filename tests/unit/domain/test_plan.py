"""Plans: whole, the same bytes for the same plan, and readable by a program that knows more or less."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bck_adapters.testkit.samples import sample_host, sample_profile
from bckcore.domain.plan import Plan, decoded, encoded
from bckcore.domain.retention import RetentionPolicy
from bckcore.errors import StorageError

PLAN = Plan(host=sample_host(), profile=sample_profile())


def test_every_field_of_host_and_profile_comes_back() -> None:
    assert decoded(encoded(PLAN)) == PLAN
    bare = Plan(
        host=replace(sample_host(), key=None, host_keys=()),
        profile=replace(sample_profile(), schedule=None, created=None, excludes=()),
    )
    assert decoded(encoded(bare)) == bare


def test_it_is_ascii_json_and_the_same_plan_gives_the_same_bytes() -> None:
    raw = encoded(PLAN)
    assert raw.isascii()
    assert raw == encoded(decoded(raw))
    assert json.loads(raw)["host"]["key"] == "host/pc1/key", "the name of the key, never the key"


def test_what_is_not_said_has_its_usual_value_and_what_is_unknown_is_passed_over() -> None:
    document = json.loads(encoded(PLAN))
    del document["profile"]["retention"]["keep_daily"]
    del document["profile"]["options"]
    document["profile"]["colour"] = "green"
    document["host"]["rack"] = {"unit": 7}
    plan = decoded(json.dumps(document).encode())
    assert plan.profile.options == type(plan.profile.options)()
    assert plan.profile.retention == replace(PLAN.profile.retention, keep_daily=0)
    assert plan.host == PLAN.host


def test_times_keep_their_microseconds() -> None:
    policy = RetentionPolicy(keep_within=timedelta(days=400, microseconds=1))
    plan = replace(PLAN, profile=replace(PLAN.profile, retention=policy))
    assert decoded(encoded(plan)).profile.retention == policy


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"format": 2, "host": {}, "profile": {}}',
        encoded(PLAN).replace(b'"port": 2222', b'"port": "2222"'),
        encoded(PLAN).replace(b'"port": 2222', b'"port": 99999'),
        encoded(PLAN).replace(b'"user": "saver"', b'"user": "-oProxyCommand"'),
        encoded(PLAN).replace(b'"platform": "posix"', b'"platform": "vms"'),
        encoded(PLAN).replace(b'"/home/u/docs"', b'"../up"'),
    ],
)
def test_a_damaged_plan_is_refused(raw: bytes) -> None:
    with pytest.raises(StorageError):
        decoded(raw)
