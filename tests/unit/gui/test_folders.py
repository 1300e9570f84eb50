"""Folder paths as people type them."""

from __future__ import annotations

import pytest

from bck_apps.gui.folders import FolderError, normal_folder, require_disjoint


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("/home/anna/", "/home/anna"),
        ("//home//anna/./x", "/home/anna/x"),
        ("/", "/"),
        ("  /home/anna", "/home/anna"),
        ("/home/ends with blank ", "/home/ends with blank "),
        ("/home/perché è/…", "/home/perché è/…"),
        ("c:/Users/Anna/", "C:\\Users\\Anna"),
        ("D:\\", "D:\\"),
    ],
)
def test_full_path_is_taken_in_normal_form(typed, normal) -> None:
    assert normal_folder(typed) == normal
    assert normal_folder(normal) == normal


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "folder-empty"),
        ("   ", "folder-empty"),
        ("docs", "folder-not-full"),
        ("~/docs", "folder-not-full"),
        ("C:docs", "folder-not-full"),
        ("/home/../etc", "folder-dots"),
        ("C:\\a\\..\\b", "folder-dots"),
        ("/home/a\nb", "folder-unprintable"),
        ("/home/\0", "folder-unprintable"),
    ],
)
def test_other_texts_are_refused_by_name(typed, code) -> None:
    with pytest.raises(FolderError) as caught:
        normal_folder(typed)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("folders", "code"),
    [
        (("/a", "/a"), "folder-double"),
        (("/a/b", "/a"), "folder-overlap"),
        (("/", "/a"), "folder-overlap"),
        (("C:\\Users", "c:\\users\\Anna"), "folder-overlap"),
    ],
)
def test_folders_in_one_another_are_refused(folders, code) -> None:
    with pytest.raises(FolderError) as caught:
        require_disjoint(folders)
    assert caught.value.code == code


def test_folders_that_only_begin_alike_are_taken() -> None:
    require_disjoint(("/a", "/ab", "/A", "C:\\a", "D:\\a"))
