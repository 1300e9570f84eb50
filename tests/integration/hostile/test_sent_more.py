"""A hijacked PC announces little and sends much, where no quota is measured: the kernel bounds each file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bck_adapters.testkit.contracts_fetch import FetchContract
from bck_adapters.testkit.contracts_gather import gathered
from bckcore.domain.gather import LARGEST_GATHERED, Gathered
from bckcore.errors import TransferFailedError
from tests.integration.hostile.conftest import Hijacked
from tests.integration.hostile.test_sender import one, root


def sizes(folder: Path, pattern: str) -> list[int]:
    """Of all files of such names."""
    return [path.stat().st_size for path in folder.rglob(pattern) if path.is_file()]


def test_what_is_gathered_is_no_larger_than_it_may_be_whatever_is_sent(hijacked: Hijacked) -> None:
    def sent(size: int) -> Gathered:
        # Nobody asks for owners here.
        listed = [root(), one(b".bckignore", size=10)]
        hijacked.speaks(entries=listed, owners=False, content=(b"x" * size).hex())
        return gathered(hijacked.rig)

    with pytest.raises(TransferFailedError, match="larger than the list"):
        sent(LARGEST_GATHERED + 1)
    assert max(sizes(hijacked.rig.store, "*bckignore*"), default=0) <= LARGEST_GATHERED
    (hijacked.rig.store / "gather").rename(hijacked.rig.store / "before")
    assert not sent(LARGEST_GATHERED).more  # it was that one byte


def test_what_is_read_again_is_not_much_larger_than_what_the_store_has(hijacked: Hijacked) -> None:
    listed = [root(), one(b"file", size=10)]
    hijacked.speaks(entries=listed, content=(b"x" * (3 << 20)).hex())
    with pytest.raises(TransferFailedError, match="larger than the list"):
        FetchContract.fetched(hijacked.rig, b"file", largest=10)
    assert max(sizes(hijacked.rig.store / "scratch", "*file*"), default=0) < 2 << 20
    (hijacked.rig.store / "scratch").rename(hijacked.rig.store / "before")
    # One that has grown a little since the list was made is brought.
    hijacked.speaks(entries=listed, content=(b"x" * 20).hex())
    assert FetchContract.fetched(hijacked.rig, b"file", largest=10) == {b"file": b"x" * 20}
