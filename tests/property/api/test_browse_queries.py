"""Whatever a caller asks about files, the answer is well-formed and never the program's own fault."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.api_world import ApiWorld, api_world
from tests.support.house import RecordingWatcher
from tests.support.patience import examples

ROUTES = {
    "files": ("point", "path", "path_bytes", "limit", "after"),
    "versions": ("path", "path_bytes", "limit", "after"),
    "search": ("pattern", "pattern_bytes", "case_sensitive", "path", "path_bytes", "limit", "after"),
    "diff": ("old", "new", "run", "path", "path_bytes", "limit", "after"),
    "deleted": ("since", "path", "path_bytes", "limit", "after"),
}
PLAIN = [
    "1",
    "2",
    "latest",
    "docs",
    "docs/a",
    "docs/.",
    "docs/..",
    "..",
    "/",
    "*",
    "?",
    "[",
    "[]",
    "[a-",
    "%",
    "%zz",
    "%FF",
    "-1",
    "10000",
    "true",
    "\\",
    "**/**",
    "pics/x",
]
WORDS = st.sampled_from((*PLAIN, "0001-01-01", "9999-12-31T23:59:59+23:59", "\0", "\n"))
TEXTS = WORDS | st.text(max_size=12) | st.text(alphabet="*?[]!-/\\a.", max_size=12)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    with api_world(Path(tmp_path_factory.mktemp("api")), database="") as made:
        made.prepare()
        made.application.storage.prepare()
        tree = next(iter(made.pcs.values())).source("/home/u/docs")
        for data in (b"one", b"three"):
            tree.write(b"a", data, len(data))
            tree.write(b"odd\xff" + data, data, -(2**62))
            made.clock.advance(60)
            made.start()
            claim = made.claim()
            made.application.worker.carry_out(claim, RecordingWatcher())
            made.finish(claim)
        yield made


@settings(max_examples=examples(3))
@given(
    asked=st.sampled_from(sorted(ROUTES)).flatmap(
        lambda route: st.tuples(
            st.just(route), st.dictionaries(st.sampled_from(ROUTES[route]), TEXTS, max_size=4)
        )
    )
)
@example(asked=("deleted", {"since": "0001-01-01T00:00:00+12:00"}))
@example(asked=("diff", {"old": "9999-12-31T23:59:59-12:00"}))
@example(asked=("files", {"point": "0001-01-01T00:00:00+12:00"}))
@example(asked=("search", {"pattern": "odd"}))
def test_any_question_gets_a_clean_answer(world: ApiWorld, asked: tuple[str, dict[str, str]]) -> None:
    route, query = asked
    response = world.call("GET", f"/profiles/docs/{route}", params=query)
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert response.json()["type"].startswith("urn:bck:")
    else:
        assert response.json()["items"] is not None
