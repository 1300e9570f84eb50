"""Whatever our transport can ask for, as a real rsync sends it, the gate lets through unharmed."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bck_adapters.rsync.argv import (
    Invocation,
    environment,
    look_argv,
    open_argv,
    preview_argv,
    pull_argv,
    quoted_word,
)
from bck_adapters.rsync.fetch import fetch_argv
from bck_adapters.rsync.gather import gather_argv, gather_rules
from bck_adapters.rsync.push_argv import dress_argv, partial_name, root_argv, send_argv
from bck_adapters.rsync.push_argv import look_argv as push_look_argv
from bck_apps.gate.commands import Purpose, understood
from bck_apps.gate.refusal import GateRefusedError
from bck_apps.gate.words import split
from bckcore.domain.fetch import FetchOrder
from bckcore.domain.gather import GatherOrder
from bckcore.domain.host import Host, Platform
from bckcore.domain.ids import HostId, RunId, SourceName
from bckcore.domain.paths import RelPath
from bckcore.domain.preview import PreviewOrder
from bckcore.domain.push import Conflict, PushOrder, suffix_at
from bckcore.domain.source import Source
from bckcore.domain.transfer import FASTEST, LONGEST_IDLE, PullOrder, TransferOptions
from tests.support.patience import examples

NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0") | st.sampled_from("'\\ `$*\n;&~#\"\udcff"),
    min_size=1,
    max_size=8,
).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, max_size=3).map(lambda names: "/" + "/".join(names))
OPTIONS = st.builds(
    TransferOptions,
    compress=st.booleans(),
    bandwidth_limit=st.none() | st.integers(1024, FASTEST),
    idle_timeout=st.integers(1, LONGEST_IDLE),
)
HOSTS = st.sampled_from(Platform).map(
    lambda platform: Host(id=HostId("pc1"), address="pc1", platform=platform, allowed_roots=("/",))
)


class Wire:
    """Real rsync, whose way to the PC writes down what it should have asked for there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("to", "displaced", "partial", "temp", "work", "origin"):
            (folder / name).mkdir()
        (folder / "origin" / "f").write_text("x")
        (folder / "work" / "names").write_bytes(b"./f\0")
        shell = folder / "shell"
        # ssh joins its arguments with blanks, too.
        shell.write_text(f'#!/bin/sh\nshift\nprintf %s "$*" > {folder}/asked\nexit 1\n')
        shell.chmod(0o700)
        self.shell = quoted_word(str(shell))
        self.call = Invocation(remote_shell=self.shell, tag="0123456789abcdef")

    def asked(self, argv: list[bytes]) -> str:
        """The command that sshd on the PC would get."""
        file = self.folder / "asked"
        file.unlink(missing_ok=True)
        done = subprocess.run(
            argv, env=environment("/usr/bin:/bin"), capture_output=True, timeout=30, check=False
        )
        assert file.exists(), done.stderr
        return file.read_bytes().decode("utf-8", "surrogateescape")


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory, require_tool) -> Wire:
    require_tool("rsync")
    return Wire(tmp_path_factory.mktemp("wire"))


def let_through(asked: str, purpose: Purpose, *paths: str) -> None:
    command = understood(split(asked))
    assert command.purpose is purpose, asked
    assert command.paths == paths
    assert command.options[:1] == ("--server",)
    assert ("--sender" in command.options) == (purpose is not Purpose.WRITE)
    assert "/" not in "".join(command.options)


def inside(path: str) -> str:
    return path.rstrip("/") + "/"


def source(path: str) -> Source:
    return Source(name=SourceName("docs"), path=path)


@settings(max_examples=examples(4), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PATHS, OPTIONS, HOSTS, st.none() | st.integers(1, 1 << 40), st.sampled_from(["", "H x y", "S /a*"]))
def test_a_pull_and_a_preview(
    wire: Wire, path: str, options: TransferOptions, host: Host, max_size: int | None, rule: str
) -> None:
    to, work = wire.folder / "to", wire.folder / "work"
    filters = [b"--filter=" + rule.encode()] if rule else []
    pull = PullOrder(
        run=RunId("20260102T030405Z-0badcafe"),
        attempt=1,
        host=host,
        source=source(path),
        filters=(),
        options=options,
        destination=to,
        displaced_dir=wire.folder / "displaced",
        partial_dir=wire.folder / "partial",
        temp_dir=wire.folder / "temp",
        work_dir=work,
        max_size=max_size,
    )
    let_through(wire.asked(pull_argv(pull, wire.call, filters)), Purpose.READ, inside(path))
    preview = PreviewOrder(
        host=host,
        source=source(path),
        filters=(),
        options=options,
        destination=to,
        work_dir=work,
        max_size=max_size,
    )
    let_through(wire.asked(preview_argv(preview, wire.call, filters)), Purpose.READ, inside(path))


@settings(max_examples=examples(4))
@given(PATHS, OPTIONS, HOSTS)
def test_a_fetch_and_a_look_for_filter_files(
    wire: Wire, path: str, options: TransferOptions, host: Host
) -> None:
    folder = wire.folder / "to"
    fetch = FetchOrder(
        host=host, source=source(path), paths=(RelPath(b"a/[b"),), largest=9, options=options, folder=folder
    )
    let_through(wire.asked(fetch_argv(fetch, wire.shell)), Purpose.READ, inside(path))
    gather = GatherOrder(
        host=host,
        source=source(path),
        names=(b".bckignore", b"CACHEDIR.TAG"),
        filters=("*.o",),
        options=options,
        folder=folder,
    )
    filters = [b"--filter=" + rule for rule in gather_rules(gather)]
    let_through(wire.asked(gather_argv(gather, wire.call, filters)), Purpose.READ, inside(path))


@settings(max_examples=examples(4))
@given(
    PATHS,
    OPTIONS,
    HOSTS,
    st.sampled_from(Conflict),
    st.booleans(),
    st.datetimes(
        datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("9000-01-01"), timezones=st.timezones()
    ),
    st.lists(st.sampled_from([b".bck-partial", b".bck-partial-2", b"x"])),
)
def test_a_push(
    wire: Wire, path: str, options: TransferOptions, host: Host, conflict: Conflict, dry_run: bool, now, taken
) -> None:
    order = PushOrder(
        host=host,
        target_path=path,
        label="docs",
        origin=wire.folder / "origin",
        work_dir=wire.folder / "work",
        conflict=conflict,
        suffix=suffix_at(now),
        options=options,
        dry_run=dry_run,
    )
    names, call = wire.folder / "work" / "names", wire.call
    partial = partial_name([RelPath(name) for name in taken])
    for argv in (
        push_look_argv(order, call),
        send_argv(order, call, names, partial_dir=partial),
        dress_argv(order, call, names),
        root_argv(order, call),
    ):
        let_through(wire.asked(argv), Purpose.WRITE, inside(path))
    looked = understood(split(wire.asked(push_look_argv(order, call))))
    assert looked.dry_run
    assert understood(split(wire.asked(root_argv(order, call)))).dry_run == dry_run


@settings(max_examples=examples(4))
@given(st.lists(PATHS.filter(lambda path: path != "/"), min_size=1, max_size=4), st.integers(1, LONGEST_IDLE))
def test_a_probe_and_the_look_at_links(wire: Wire, paths: list[str], timeout: int) -> None:
    asked = wire.asked(look_argv(wire.shell, paths, timeout=timeout))
    let_through(asked, Purpose.LOOK, *paths)
    asked = wire.asked(open_argv(wire.shell, paths[0], timeout=timeout))
    let_through(asked, Purpose.READ, inside(paths[0]))


OPTIONS_OF_A_PULL = "--timeout=300 --checksum-choice=xxh128 --numeric-ids"
PULL = f"rsync --server --sender -logDtprSe.iLsfxCIvu {OPTIONS_OF_A_PULL} . /home/u/"


@given(st.text(max_size=20) | st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_any_text_is_a_command_of_ours_or_refused(text: str) -> None:
    for asked in (text, PULL + text, f"rsync --server {text} . /home/u/"):
        try:
            command = understood(split(asked))
        except GateRefusedError:
            continue
        assert command.purpose in (Purpose.READ, Purpose.LOOK, Purpose.WRITE, Purpose.PROBE)


@given(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7]), st.text("abcLs-=/.e ", min_size=1, max_size=12))
def test_a_word_that_is_put_in_is_never_carried_along(place: int, word: str) -> None:
    words = PULL.split(" ")
    try:
        command = understood([*words[: place + 1], word, *words[place + 1 :]])
    except GateRefusedError:
        return
    known = {*replace(understood(words)).options, *words}
    assert {*command.options, *command.paths} <= known
