"""The gate's reading of a command: ours are understood word by word, every other one is refused."""

from __future__ import annotations

import pytest

from bck_apps.gate.commands import Command, Purpose, understood
from bck_apps.gate.refusal import GateRefusedError, escaped
from bck_apps.gate.words import LONGEST, split

PULL = (
    "rsync --server --sender -blogDtprSze.iLsfxCIvu --timeout=300 --bwlimit=48 --backup-dir /srv/x "
    "--checksum-choice=xxh128 --numeric-ids --info=STATS2 . "
)
PUSH = "rsync --server -bldogDtpRSe.LsfxCIvu --log-format=%i%I --timeout=300 --mkpath "
LOOK = "rsync --server --sender -ldRe.LsfxCIvu --list-only --timeout=60 --no-implied-dirs . "


def command(text: str) -> Command:
    return understood(split(text))


def test_a_pull_is_understood_and_loses_the_servers_folders() -> None:
    assert command(PULL + "/home/u/do\\ cs/") == Command(
        purpose=Purpose.READ,
        options=(
            "--server",
            "--sender",
            "-logDtprSze.iLsfxCIvu",
            "--timeout=300",
            "--bwlimit=48",
            "--checksum-choice=xxh128",
            "--numeric-ids",
            "--info=STATS2",
        ),
        paths=("/home/u/do cs/",),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("   ", []),
        ("a  b ", ["a", "b"]),
        ("a\\ b", ["a b"]),
        ("'a b'c\\'d", ["a bc'd"]),
        ("'a'\\''b'", ["a'b"]),
        ("''", [""]),
        ("'$(x)`\n;|&*?~\"\\'", ['$(x)`\n;|&*?~"\\']),
        ("\\$\\(x\\)", ["$(x)"]),
        ("--suffix=~2026", ["--suffix=~2026"]),
        ("é日\udcff", ["é日\udcff"]),
    ],
)
def test_quoting_as_rsync_and_ours_write_it_is_undone(text: str, words: list[str]) -> None:
    assert split(text) == words


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a;b",
            "a|b",
            "a&b",
            "a&&b",
            "a\nb",
            "a\tb",
            "a\rb",
            "$x",
            "${x}",
            "$(x)",
            "`x`",
            "a>b",
            "a<b",
            "(a)",
        ),
        *(
            "*",
            "?",
            "[a]",
            "{a,b}",
            "~",
            "~root",
            "a ~",
            "!x",
            "#x",
            '"a"',
            "'a",
            "a\\",
            "a\\\nb",
            "'a\0b'",
            "\0",
        ),
        "x" * (LONGEST + 1),
    ],
)
def test_what_a_shell_would_give_a_meaning_to_is_refused(text: str) -> None:
    with pytest.raises(GateRefusedError):
        split(text)


@pytest.mark.parametrize(
    ("text", "purpose"),
    [
        ("bck-gate probe", Purpose.PROBE),
        ("rsync --server --sender -re.L . /home/u/", Purpose.READ),
        (LOOK + "/home/u /home/u/x", Purpose.LOOK),
        (PUSH + "--partial-dir .bck-partial-2 --suffix=~20260101T000000Z . /home/u/", Purpose.WRITE),
        ("rsync --server -re.L --mkpath . /home/u/", Purpose.WRITE),
    ],
)
def test_without_what_the_attacks_below_add_these_are_let_through(text: str, purpose: Purpose) -> None:
    assert command(text).purpose is purpose


ATTACKS = [
    # no command, other commands
    "",
    "id",
    "sh -c id",
    "/usr/bin/rsync --server --sender -re.L . /home/u/",
    "rsync",
    "rsync --version",
    "rsync --server",
    "rsync --server --sender",
    "rsync --sender --server -re.L . /home/u/",
    "rsync --daemon",
    "rsync --server --daemon .",
    "rsync -e sh --server --sender -re.L . /home/u/",
    "rsync /etc/shadow /home/u/",
    "rsyncx --server --sender -re.L . /home/u/",
    "Rsync --server --sender -re.L . /home/u/",
    "A=b rsync --server --sender -re.L . /home/u/",
    "env rsync --server --sender -re.L . /home/u/",
    "exec rsync --server --sender -re.L . /home/u/",
    "'' rsync --server --sender -re.L . /home/u/",
    "scp -f /home/u",
    "internal-sftp",
    "bck-gate",
    "bck-gate probe /etc",
    "bck-gate --config /tmp/x",
    "bck-gate probe --config /tmp/x",
    "'bck-gate probe'",
    # shells
    PULL + "/home/u/; id",
    PULL + "/home/u/ && id",
    PULL + "/home/u/ | sh",
    PULL + "`id`/",
    PULL + "$(id)/",
    PULL + "/home/$USER/",
    PULL + "/home/u/\nid",
    PULL + "/home/*/",
    PULL + "/home/u/ > /tmp/x",
    # other options for the sender
    *(
        f"rsync --server --sender -re.L {option} . /home/u/"
        for option in (
            "--rsync-path=x",
            "--rsync-path x",
            "--log-file=/home/u/.profile",
            "--log-file=x --log-file-format=y",
            "--write-batch=/tmp/x",
            "--read-batch=/tmp/x",
            "--only-write-batch=/tmp/x",
            "--rsh=sh",
            "-e sh",
            "-esh",
            "--files-from=/etc/passwd",
            "--files-from=-",
            "--from0",
            "--exclude-from=/etc/shadow",
            "--include-from=/etc/shadow",
            "--filter=._/etc/shadow",
            "-f ._/etc/shadow",
            "-F",
            "--password-file=/etc/shadow",
            "--early-input=/etc/shadow",
            "--remove-source-files",
            "--remove-sent-files",
            "--delete",
            "--delete-before",
            "--del",
            "--copy-links",
            "--copy-unsafe-links",
            "--copy-dirlinks",
            "--keep-dirlinks",
            "--copy-devices",
            "--write-devices",
            "--munge-links",
            "--secluded-args",
            "--protect-args",
            "--temp-dir=/tmp",
            "--temp-dir /tmp",
            "--compare-dest=/etc",
            "--copy-dest=/etc",
            "--link-dest=/etc",
            "--partial-dir=/tmp",
            "--partial-dir .bck-partial",
            "--suffix=x",
            "--chown=root",
            "--usermap=x",
            "--iconv=.",
            "--config=/tmp/x",
            "--dparam=x",
            "-M--log-file=x",
            "--remote-option=--log-file=x",
            "--outbuf=x",
            "--debug=ALL",
            "--info=ALL",
            "--info=STATS2,NAME",
            "--checksum-choice=none",
            "--timeout=-1",
            "--timeout=",
            "--timeout 300",
            "--timeout=٣",
            "--bwlimit=1k",
            "--numeric-ids=x",
            "--numeric-id",
            "--no-numeric-ids",
            "--list-onl",
            "--",
            "-",
            "--backup-dir",
            "--fake-super",
            "--super",
            "-T/tmp",
        )
    ),
    # other letters
    *(f"rsync --server --sender -r{letter}e.L . /home/u/" for letter in "sLkKTPqcxHAXEUOJWyCFiMfa0vuIh"),
    "rsync --server --sender -r . /home/u/",
    "rsync --server --sender -re . /home/u/",
    "rsync --server --sender -re.L/x . /home/u/",
    "rsync --server --sender -re.L -re.L . /home/u/",
    "rsync --server --sender -ree.L . /home/u/",
    "rsync --server --sender -re31.14L . /home/u/",
    "rsync --server --sender --recursive . /home/u/",
    # paths
    PULL,
    PULL + "/home/u/ /etc/",
    PULL + "/home/u",
    PULL + "''",
    PULL + "/home/u/ --delete",
    PULL + "/home/u/ -L",
    PULL[:-2] + "/home/u/",
    PULL[:-2] + ".. /home/u/",
    PULL[:-2] + "./ /home/u/",
    LOOK,
    LOOK + "/",
    LOOK + "/home/u/",
    LOOK + "/home/u /home/u/x/",
    "rsync --server --sender -ldre.L --list-only . /home/u /home/v",
    "rsync --server --sender -lre.L --list-only --no-implied-dirs . /home/u/",
    "rsync --server --sender -lRre.L --list-only . /home/u /etc",
    # receiving
    *(
        f"{PUSH}{option} . /home/u/"
        for option in (
            "--delete",
            "--delete-after",
            "--delete-excluded",
            "--force",
            "--remove-source-files",
            "--backup-dir /etc",
            "--backup-dir=/etc",
            "--partial-dir /etc",
            "--partial-dir=/etc",
            "--partial-dir ../x",
            "--partial-dir .bck-partial/../../x",
            "--partial-dir .bck-partial-",
            "--suffix=/../../x",
            "--suffix=",
            "--suffix='a b'",
            "--temp-dir /tmp",
            "--inplace",
            "--append",
            "--write-devices",
            "--keep-dirlinks",
            "--log-file=/tmp/x",
            "--log-format=%f",
            "--log-format='%i\n'",
            "--modify-window=5",
            "-@5",
            "--files-from=/x",
            "--chmod=u+s",
            "--super",
            "--list-only",
        )
    ),
    *(f"rsync --server -r{letter}e.L --mkpath . /home/u/" for letter in "sLkKTHAXEUJWaf"),
    PUSH + ". /home/u",
    PUSH + ". /home/u/ /etc/",
    PUSH + ".",
]


@pytest.mark.parametrize("text", ATTACKS)
def test_an_attack_is_refused(text: str) -> None:
    with pytest.raises(GateRefusedError) as refused:
        command(text)
    assert str(refused.value)


def test_what_comes_from_the_other_side_is_one_short_line_of_plain_letters() -> None:
    assert escaped("a\nb\x1b[2J\u202e\udcff é") == "a\\nb\\x1b[2J\\u202e\\udcff \\xe9"
    assert len(escaped("x" * 10_000)) < 1_100
