"""Whatever is done to files of the storage, no way back gives out anything that is not as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.integration.storage_fs.test_check_files import IN_CURRENT, IN_INCREMENTS, Harm
from tests.support import harm
from tests.support.databases import address_of
from tests.support.harm import Scene

POINTS = (1, 2, 3, 5)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.house.database.close()
    harm.open_again(made.root)


@pytest.mark.parametrize(("hurt", "path", "cause"), IN_CURRENT)
def test_harm_in_current(scene: Scene, tmp_path: Path, hurt: Harm, path: bytes, cause: str) -> None:
    hurt(scene.current(path))
    assert_all_is_as_it_was_or_named(scene, tmp_path, path)


@pytest.mark.parametrize(("hurt", "seq", "path", "cause"), IN_INCREMENTS)
def test_harm_in_an_increment(
    scene: Scene, tmp_path: Path, hurt: Harm, seq: int, path: bytes, cause: str
) -> None:
    hurt(scene.increment(seq, path))
    assert_all_is_as_it_was_or_named(scene, tmp_path, path)


def assert_all_is_as_it_was_or_named(scene: Scene, folder: Path, path: bytes) -> None:
    for seq in POINTS:
        named = scene.assert_restores_or_says(seq, folder / str(seq))
        assert named <= {path}
        assert scene.assert_brings_back_or_says(seq) == named


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def scene_of_any(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    in_memory = request.param == "memory"
    with nullcontext("") if in_memory else address_of(request.param, tmp_path) as url:
        made = Scene(tmp_path, url=url)
        yield made
        made.house.database.close()


@pytest.mark.parametrize(("seq", "lost"), [(2, {1}), (3, {2})])
def test_a_lost_copy_is_missed_by_the_points_that_need_it(
    scene_of_any: Scene, tmp_path: Path, seq: int, lost: set[int]
) -> None:
    """A later version of the same size stands where its bytes should be."""
    harm.remove(scene_of_any.increment(seq, b"a"))
    named = {point: scene_of_any.assert_restores_or_says(point, tmp_path / str(point)) for point in POINTS}
    assert named == {point: {b"a"} if point in lost else set() for point in POINTS}


def test_a_flipped_bit_is_missed_by_the_points_that_need_it(scene: Scene) -> None:
    harm.flip(scene.increment(3, b"a"))
    named = {point: scene.assert_brings_back_or_says(point) for point in POINTS}
    assert named == {1: set(), 2: {b"a"}, 3: set(), 5: set()}
