"""The error tree: a stable, unique code for each kind, all of them drawn in the module's docstring."""

from collections.abc import Iterator

from bckcore import errors
from bckcore.errors import BckError


def tree(kind: type[BckError] = BckError) -> Iterator[type[BckError]]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from tree(below)


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in tree()]
    assert len(codes) == len(set(codes))


def test_every_error_is_drawn_in_the_tree() -> None:
    drawn = errors.__doc__ or ""
    assert [kind.__name__ for kind in tree() if kind.__name__ not in drawn] == []
