"""Acts survive their file exactly; damaged ones are refused."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bckcore.domain.act import Act, ActKind, decoded, encoded
from bckcore.domain.ids import HostId, ProfileId, SourceName
from bckcore.domain.paths import rel_path
from bckcore.errors import StorageError

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
ODD = (SourceName("docs"), rel_path(b"a \n\xff/%"))
ACT = Act(
    profile=ProfileId("p1"),
    host=HostId("pc1"),
    number=3,
    kind=ActKind.FORGET,
    at=AT,
    by="anna",
    reason="the will of grandmother é",
    after_seq=7,
    points=(1, 22),
    paths=(ODD,),
    expires=AT,
    previous="0" * 64,
)


@pytest.mark.parametrize("act", [ACT, replace(ACT, kind=ActKind.PRUNE, points=(), paths=(), expires=None)])
def test_an_act_is_read_back_as_it_was_written(act: Act) -> None:
    assert decoded(encoded(act)) == act


def test_an_act_is_ascii_with_one_key_a_line() -> None:
    lines = encoded(ACT).decode("ascii").splitlines()
    assert ' "points": "1 22",' in lines
    assert '  "docs a %0A%FF/%25"' in lines


@pytest.mark.parametrize(
    "harm",
    [
        lambda document: document.pop("reason"),
        lambda document: document.update(number=-1),
        lambda document: document.update(number=True),
        lambda document: document.update(kind="dance"),
        lambda document: document.update(paths=["docs ../up"]),
        lambda document: document.update(points="1 x"),
        lambda document: document.update(format=2),
    ],
)
def test_a_damaged_act_is_refused(harm) -> None:
    document = json.loads(encoded(ACT))
    harm(document)
    with pytest.raises(StorageError):
        decoded(json.dumps(document).encode())
