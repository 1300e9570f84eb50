"""What .bckignore and CACHEDIR.TAG files say: a pure reading of hostile text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bck_adapters.rsync.filters import GitIgnoreFilter
from bck_adapters.testkit.strategies import gitignore_rules, rel_paths
from bckcore.domain.gather import Gathered
from bckcore.domain.paths import RelPath, rel_path
from bckcore.domain.transfer import ProblemKind
from bckcore.services.host_rules import MOST_PROBLEMS, MOST_RULES, SIGNATURE, HostRules, host_rules


def said(**files: bytes) -> HostRules:
    return read({name.encode(): content for name, content in files.items()})


def read(files: dict[bytes, bytes], *, more: bool = False, names_are_text: bool = False) -> HostRules:
    found = Gathered(files=tuple((RelPath(path), data) for path, data in files.items()), more=more)
    return host_rules(found, lambda rule: GitIgnoreFilter((rule,)), names_are_text=names_are_text)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("*.o", "/d/e/**/*.o"),
        ("build/", "/d/e/**/build/"),
        ("/top", "/d/e/top"),
        ("a/b", "/d/e/a/b"),
        ("a/b/", "/d/e/a/b/"),
        ("**/x", "/d/e/**/x"),
        ("!keep.o", "!/d/e/**/keep.o"),
        ("!/keep", "!/d/e/keep"),
        (r"\#x", r"/d/e/**/\#x"),
        (r"\!x", r"/d/e/**/\!x"),
        ("x\r", "/d/e/**/x"),
    ],
)
def test_a_rule_speaks_of_its_folder(line: str, rule: str) -> None:
    assert read({b"d/e/.bckignore": line.encode()}).rules == (rule,)


def test_a_rule_in_the_root_stays_as_it_is() -> None:
    assert read({b".bckignore": b"\xef\xbb\xbf*.o\n# comment\n\n   \n/x\n"}).rules == ("*.o", "/x")


@pytest.mark.parametrize("line", ["/", "!", "!/", "//", "!//", "/ ", "!  ", "/\r", "!/ \r"])
@pytest.mark.parametrize("folder", [b"", b"d/", b"d/e/"])
def test_a_line_without_a_name_is_no_rule(line: str, folder: bytes) -> None:
    """In git it does nothing, and is not spoken of; taken with its folder it would hide all of that."""
    found = read({folder + b".bckignore": f"{line}\nx\n".encode()})
    decide = GitIgnoreFilter(found.rules)
    assert not found.problem_count
    assert [
        path for path in (b"d", b"d/e", b"d/e/f") if decide.excludes(rel_path(path), is_folder=True)
    ] == []
    assert decide.excludes(rel_path(folder + b"x"), is_folder=False)
    shown = GitIgnoreFilter(("d/*", *found.rules))
    assert shown.excludes(rel_path(b"d/e/f"), is_folder=True)


def test_names_of_folders_are_no_wildcards() -> None:
    rules = read({b"a*[x]\\?/.bckignore": b"y"}).rules
    assert GitIgnoreFilter(rules).excludes(rel_path(b"a*[x]\\?/y"), is_folder=False)
    assert not GitIgnoreFilter(rules).excludes(rel_path(b"aQx\\z/y"), is_folder=False)


def test_inner_folders_have_the_last_word() -> None:
    rules = read({b"d/.bckignore": b"!*.o", b".bckignore": b"*.o"}).rules
    assert rules == ("*.o", "!/d/**/*.o")


def test_only_a_signed_tag_marks_a_cache_and_the_tag_itself_is_kept() -> None:
    rules = read({b"c/CACHEDIR.TAG": SIGNATURE + b"\n# by x", b"d/CACHEDIR.TAG": b"no signature"}).rules
    decide = GitIgnoreFilter(rules)
    hidden = {path for path in (b"c", b"c/CACHEDIR.TAG", b"c/x", b"c/y/z", b"d/x") if _hides(decide, path)}
    assert hidden == {b"c/x", b"c/y/z"}


def _hides(decide: GitIgnoreFilter, path: bytes) -> bool:
    return decide.excludes(rel_path(path), is_folder=False)


def test_what_cannot_be_used_is_named_with_its_line_and_hides_nothing() -> None:
    found = read({b"d/.bckignore": b"good\n[z-a]\n" + b"x" * 2000 + b"\nna\0me\n"})
    assert found.rules == ("/d/**/good",)
    assert [problem.path for problem in found.problems] == [b"d/.bckignore"] * 3
    assert {problem.kind for problem in found.problems} == {ProblemKind.FILTER}
    assert [problem.message.partition(":")[0] for problem in found.problems] == ["line 2", "line 3", "line 4"]
    assert not [problem.message for problem in found.problems if "/d/" in problem.message], "not as written"


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-be"])
def test_a_file_as_windows_tools_write_it_is_read(coding: str) -> None:
    bom = b"" if coding == "utf-16" else b"\xfe\xff"
    found = read({b".bckignore": bom + "*.tmp\r\n/Attività/\r\n".encode(coding)})
    assert (found.rules, found.problem_count) == (("*.tmp", "/Attività/"), 0)


def test_a_rule_in_another_coding_is_named_where_names_are_text_and_heeded_where_they_are_bytes() -> None:
    content = "good\nattività/\n".encode("latin-1")
    found = read({b".bckignore": content}, names_are_text=True)
    assert (found.rules, [one.message.partition(" and")[0] for one in found.problems]) == (
        ("good",),
        ["line 2: it is no UTF-8"],
    )
    decide = GitIgnoreFilter(read({b".bckignore": content}).rules)
    assert decide.excludes(rel_path(b"attivit\xe0"), is_folder=True)


def test_a_link_of_that_name_is_named_and_a_tag_that_is_one_is_not() -> None:
    links = (RelPath(b"d/.bckignore"), RelPath(b"c/CACHEDIR.TAG"))
    found = host_rules(Gathered(no_files=links), lambda rule: GitIgnoreFilter((rule,)))
    assert [problem.path for problem in found.problems] == [b"d/.bckignore"]


def test_a_folder_with_a_line_break_in_its_name_is_not_heeded() -> None:
    found = read({b"a\nb/.bckignore": b"x"})
    assert (found.rules, found.problem_count) == ((), 1)


def test_rules_and_problems_are_bounded() -> None:
    many = read({b".bckignore": b"x\n" * (MOST_RULES + 10), b"d/.bckignore": b"y"}, more=True)
    assert (len(many.rules), many.problem_count) == (MOST_RULES, 3)
    bad = read({b".bckignore": b"[\n" * 500})
    assert (len(bad.problems), bad.problem_count) == (MOST_PROBLEMS, 500)


@given(content=st.binary(max_size=200), path=rel_paths())
def test_nothing_that_a_file_holds_breaks_the_reading(content: bytes, path: RelPath) -> None:
    for name in (b".bckignore", b"CACHEDIR.TAG"):
        found = read({path + b"/" + name: content})
        GitIgnoreFilter(found.rules)


@given(
    rule=gitignore_rules(),
    path=st.lists(st.sampled_from((b"a", b"b", b"ab", b"c d")), min_size=1, max_size=3),
)
def test_in_a_folder_a_rule_means_what_it_means_in_the_root(rule: str, path: list[bytes]) -> None:
    """Moved into a folder together with the tree, a rule hides the same."""
    in_root, in_folder = read({b".bckignore": rule.encode()}), read({b"f*/.bckignore": rule.encode()})
    name = b"/".join(path)
    if in_root.problem_count or in_folder.problem_count:  # one more '**' may be one too many
        return
    for is_folder in (False, True):
        there = GitIgnoreFilter(in_folder.rules).excludes(rel_path(b"f*/" + name), is_folder=is_folder)
        assert there == GitIgnoreFilter(in_root.rules).excludes(rel_path(name), is_folder=is_folder)
