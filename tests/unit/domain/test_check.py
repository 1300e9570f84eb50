"""What a finding of a check says."""

import pytest

from bckcore.domain.check import Cause, Finding
from bckcore.domain.ids import ProfileId, SourceName


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (0, "gone."),
        (1, "gone; 1 point needs it: 3."),
        (2, "gone; 2 points need it, the newest is 3."),
    ],
)
def test_a_finding_counts_the_points_in_words(points: int, said: str) -> None:
    finding = Finding(
        cause=Cause.MISSING,
        profile=ProfileId("docs"),
        source=SourceName("docs"),
        path=b"a",
        place="current",
        points=points,
        newest=3 if points else None,
        detail="gone",
    )
    assert finding.text.endswith(f"docs/a (current): {said}")
