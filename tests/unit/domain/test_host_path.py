"""A corpus of tricks with paths: each is brought to the one right form, or refused for the right reason."""

import pytest

from bckcore.domain.host_path import parsed_path, typed_path
from bckcore.domain.host_platform import Platform
from bckcore.domain.path_refusals import PathFault
from bckcore.errors import PathRefusedError

WINDOWS_FORMS = [
    ("C:\\Users\\u", "/cygdrive/c/Users/u", "C:\\Users\\u"),
    ("c:/Users/u/", "/cygdrive/c/Users/u", "C:\\Users\\u"),
    ("C:\\Users\\\\u\\.\\docs\\", "/cygdrive/c/Users/u/docs", "C:\\Users\\u\\docs"),
    ("z:\\", "/cygdrive/z", "Z:\\"),
    ("\\\\?\\C:\\Users\\u", "/cygdrive/c/Users/u", "C:\\Users\\u"),
    ("\\\\?\\c:\\", "/cygdrive/c", "C:\\"),
    ("/cygdrive/c/Users/u", "/cygdrive/c/Users/u", "C:\\Users\\u"),
    ("/CygDrive/C//Users/./u/", "/cygdrive/c/Users/u", "C:\\Users\\u"),
    ("/cygdrive", "/cygdrive", "/cygdrive"),
    ("/home/u", "/home/u", "/home/u"),
    ("/", "/", "/"),
    ("C:\\Users\\José\\日本 語", "/cygdrive/c/Users/José/日本 語", "C:\\Users\\José\\日本 語"),
    ("C:\\.config\\..x\\a.b.c", "/cygdrive/c/.config/..x/a.b.c", "C:\\.config\\..x\\a.b.c"),
    ("C:\\CONSOLE\\COM10\\NULL\\aux-old", "/cygdrive/c/CONSOLE/COM10/NULL/aux-old", None),
    ("C:\\notes~old\\a~1.text", "/cygdrive/c/notes~old/a~1.text", None),
]

WINDOWS_TRICKS = [
    ("", PathFault.NOT_FULL),
    ("Users", PathFault.NOT_FULL),
    (".", PathFault.NOT_FULL),
    ("~", PathFault.NOT_FULL),
    ("%USERPROFILE%", PathFault.NOT_FULL),
    ("CC:\\x", PathFault.NOT_FULL),
    ("é:\\x", PathFault.NOT_FULL),
    ("\\Users\\u", PathFault.NO_DRIVE),
    ("/cygdrive/cc/Users", PathFault.NO_DRIVE),
    ("/cygdrive/C:/Users", PathFault.NO_DRIVE),
    ("/cygdrive/é/Users", PathFault.NO_DRIVE),
    ("C:", PathFault.FROM_DRIVE),
    ("C:Users", PathFault.FROM_DRIVE),
    ("C:..\\Users", PathFault.FROM_DRIVE),
    ("C:\\Users\\..\\Windows", PathFault.GOES_UP),
    ("C:/Users/..", PathFault.GOES_UP),
    ("\\\\?\\C:\\Users\\..\\x", PathFault.GOES_UP),
    ("/cygdrive/c/Users/../..", PathFault.GOES_UP),
    ("/..", PathFault.GOES_UP),
    ("\\\\server\\share", PathFault.NETWORK),
    ("//server/share", PathFault.NETWORK),
    ("/\\server\\share", PathFault.NETWORK),
    ("\\/server/share", PathFault.NETWORK),
    ("\\\\localhost\\C$\\Users", PathFault.NETWORK),
    ("\\\\?\\UNC\\server\\share", PathFault.NETWORK),
    ("\\\\?\\unc\\server\\share", PathFault.NETWORK),
    ("\\\\.\\C:\\Users", PathFault.NAMESPACE),
    ("\\\\.\\PhysicalDrive0", PathFault.NAMESPACE),
    ("\\\\.\\pipe\\x", PathFault.NAMESPACE),
    ("//./C:/Users", PathFault.NAMESPACE),
    ("//?/C:/Users", PathFault.NAMESPACE),
    ("\\??\\C:\\Users", PathFault.NAMESPACE),
    ("\\\\?\\GLOBALROOT\\Device\\HarddiskVolume1\\x", PathFault.NAMESPACE),
    ("\\\\?\\Volume{b75e2c83-0000-0000-0000-602f00000000}\\x", PathFault.NAMESPACE),
    ("\\\\?\\\\C:\\x", PathFault.NAMESPACE),
    ("\\\\?\\C:\\a/b", PathFault.FORBIDDEN),
    ("\\\\?\\C:\\a\\.\\b", PathFault.TRAILING),
    ("C:\\a*", PathFault.FORBIDDEN),
    ("C:\\a?", PathFault.FORBIDDEN),
    ('C:\\a"b', PathFault.FORBIDDEN),
    ("C:\\a<", PathFault.FORBIDDEN),
    ("C:\\a|b", PathFault.FORBIDDEN),
    ("/cygdrive/c/Users\\u", PathFault.FORBIDDEN),
    ("/cygdrive/c/..\\..\\Windows", PathFault.FORBIDDEN),
    ("C:\\f.txt:secret", PathFault.STREAM),
    ("C:\\Users::$INDEX_ALLOCATION", PathFault.STREAM),
    ("C:\\Users:$I30:$INDEX_ALLOCATION", PathFault.STREAM),
    ("/cygdrive/c/a:b", PathFault.STREAM),
    ("C:\\NUL", PathFault.DEVICE),
    ("C:\\con", PathFault.DEVICE),
    ("C:\\aux.txt", PathFault.DEVICE),
    ("C:\\prn.tar.gz", PathFault.DEVICE),
    ("C:\\nul .txt", PathFault.DEVICE),
    ("C:\\x\\COM1\\y", PathFault.DEVICE),
    ("C:\\com0", PathFault.DEVICE),
    ("C:\\COM\u00b9.log", PathFault.DEVICE),
    ("C:\\lpt\u00b3", PathFault.DEVICE),
    ("C:\\CONIN$", PathFault.DEVICE),
    ("C:\\conout$", PathFault.DEVICE),
    ("/cygdrive/c/nul", PathFault.DEVICE),
    ("C:\\PROGRA~1", PathFault.SHORT_NAME),
    ("C:\\progra~2\\x", PathFault.SHORT_NAME),
    ("C:\\TE4A5C~1.TXT", PathFault.SHORT_NAME),
    ("C:\\A~123456", PathFault.SHORT_NAME),
    ("/cygdrive/c/DOCUME~1", PathFault.SHORT_NAME),
    ("C:\\Users.", PathFault.TRAILING),
    ("C:\\Users ", PathFault.TRAILING),
    ("C:\\Users. . .", PathFault.TRAILING),
    ("C:\\...\\x", PathFault.TRAILING),
    ("C:\\.. \\x", PathFault.TRAILING),
    ("C:\\ \\x", PathFault.TRAILING),
    ("C:\\a\0b", PathFault.NUL),
    ("C:\\a\nb", PathFault.CONTROL),
    ("C:\\a\x1b[2J", PathFault.CONTROL),
    ("C:\\a\x7f", PathFault.CONTROL),
    ("C:\\a\x85b", PathFault.CONTROL),
    ("C:\\a\u2028b", PathFault.CONTROL),
    ("C:\\a\uff0fb", PathFault.IMITATION),
    ("C:\\a\uff3cb", PathFault.IMITATION),
    ("C:\\a\u2215b", PathFault.IMITATION),
    ("C:\\a\u2044b", PathFault.IMITATION),
    ("C:\\a\u29f5b", PathFault.IMITATION),
    ("C:\\a\uff1ab", PathFault.IMITATION),
    ("C:\\a\ua789b", PathFault.IMITATION),
    ("C:\\\uff0e\uff0e\\x", PathFault.IMITATION),
    ("C:\\\u2025\\x", PathFault.IMITATION),
    ("C:\\.\u2024\\x", PathFault.IMITATION),
    ("C:\\Users\u202e\\gpj", PathFault.UNSEEN),
    ("C:\\Us\u200bers", PathFault.UNSEEN),
    ("C:\\\u2066x", PathFault.UNSEEN),
    ("C:\\\ufeffUsers", PathFault.UNSEEN),
    ("C:\\a\uf03ab", PathFault.STAND_IN),
    ("C:\\a\uf02e", PathFault.STAND_IN),
    ("C:\\a\udcff", PathFault.NO_BYTES),
    ("C:\\a\ud83d", PathFault.NO_BYTES),
    ("C:\\" + "a" * 256, PathFault.TOO_LONG),
    ("C:\\" + "\U0001f600" * 128, PathFault.TOO_LONG),
    ("C:\\" + "a\\" * 17_000, PathFault.TOO_LONG),
]


@pytest.mark.parametrize(("text", "form", "native"), WINDOWS_FORMS)
def test_what_means_one_folder_on_windows_has_one_form(text: str, form: str, native: str | None) -> None:
    path = parsed_path(text, Platform.WINDOWS)
    assert path.text == form
    assert native is None or path.native == native
    assert typed_path(text, Platform.WINDOWS) == path


@pytest.mark.parametrize(("text", "fault"), WINDOWS_TRICKS)
def test_a_trick_on_windows_is_refused_with_its_reason(text: str, fault: PathFault) -> None:
    with pytest.raises(PathRefusedError) as refused:
        parsed_path(text, Platform.WINDOWS)
    assert refused.value.fault is fault
    assert refused.value.what
    assert refused.value.meaning
    assert refused.value.advice
    assert refused.value.what.isprintable()


POSIX_TRICKS = [
    ("", PathFault.NOT_FULL),
    ("home/u", PathFault.NOT_FULL),
    ("~/docs", PathFault.NOT_FULL),
    ("$HOME", PathFault.NOT_FULL),
    ("./home", PathFault.NOT_FULL),
    ("-e", PathFault.NOT_FULL),
    ("pc:/home", PathFault.NOT_FULL),
    ("\uff0fhome", PathFault.NOT_FULL),
    ("/home/../etc", PathFault.GOES_UP),
    ("/..", PathFault.GOES_UP),
    ("/home/u/..", PathFault.GOES_UP),
    ("/home//../x", PathFault.GOES_UP),
    ("/home/\0", PathFault.NUL),
    ("/home/\ud800", PathFault.NO_BYTES),
]


@pytest.mark.parametrize("platform", [Platform.POSIX, Platform.MACOS])
@pytest.mark.parametrize(("text", "fault"), POSIX_TRICKS)
def test_a_trick_on_linux_and_macos_is_refused_with_its_reason(
    platform: Platform, text: str, fault: PathFault
) -> None:
    for parse in (parsed_path, typed_path):
        with pytest.raises(PathRefusedError) as refused:
            parse(text, platform)
        assert refused.value.fault is fault


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("/home/a\nb", PathFault.CONTROL),
        ("/home/\x1b[31m", PathFault.CONTROL),
        ("/home/a\u2028b", PathFault.CONTROL),
        ("/home/u\uff0fetc", PathFault.IMITATION),
        ("/home/u\u2215etc", PathFault.IMITATION),
        ("/home/\uff0e\uff0e/x", PathFault.IMITATION),
        ("/home/\u2026", PathFault.IMITATION),
        ("/home/\u202egpj", PathFault.UNSEEN),
        ("/home/u\u200b", PathFault.UNSEEN),
    ],
)
def test_what_people_cannot_read_is_a_path_on_linux_and_refused_where_a_person_gives_it(
    text: str, fault: PathFault
) -> None:
    assert parsed_path(text, Platform.POSIX).text == text
    with pytest.raises(PathRefusedError) as refused:
        typed_path(text, Platform.POSIX)
    assert refused.value.fault is fault


@pytest.mark.parametrize(
    "text",
    ["/a b", "/été", "/日本", "/a…b", "/a.b.", "/x ", "/\udcff", "/NUL", "/a:b", "/a~1", "/👩\u200d💻"],
)
def test_names_of_every_day_are_taken_on_linux(text: str) -> None:
    assert typed_path(text, Platform.POSIX).text == text


@pytest.mark.parametrize(
    ("platform", "one", "other"),
    [
        # Never one name for two folders: none of these pairs is one folder on all of the platform's systems.
        (Platform.POSIX, "/a", "/A"),
        (Platform.POSIX, "/\u00e9", "/e\u0301"),
        (Platform.WINDOWS, "/\u00e9", "/e\u0301"),
        (Platform.WINDOWS, "/stra\u00dfe", "/strasse"),
        (Platform.WINDOWS, "/\u017fa", "/sa"),
        (Platform.WINDOWS, "/\u0131", "/i"),
        (Platform.WINDOWS, "/\u212a", "/k"),
        (Platform.MACOS, "/\u212a", "/k"),
        (Platform.MACOS, "/\ufb01", "/fi"),
        (Platform.MACOS, "/home2", "/home"),
    ],
)
def test_names_that_may_be_two_folders_are_two(platform: Platform, one: str, other: str) -> None:
    first, second = parsed_path(one, platform), parsed_path(other, platform)
    assert not first.is_within(second)
    assert not second.is_within(first)
