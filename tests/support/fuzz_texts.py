"""Every parser of what a client, a server, a person or a file says: taken, or refused by an error of ours.

Beside ``fuzz_targets``, which has the parsers of what a PC says. A parser that stands in neither is found by
``tests/architecture/test_fuzzed_parsers.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from bck_adapters.auth import JwtTokens
from bck_adapters.memory import MemoryVault
from bck_adapters.notify.form import parsed_state, parsed_waiting
from bck_adapters.notify.webhook import parsed_url as parsed_webhook
from bck_adapters.pki.certificates import parsed_name
from bck_adapters.processes.linux import parsed_stat
from bck_adapters.rsync.filters import GitIgnoreFilter, parsed_rules, rsync_rules
from bck_adapters.sql.engine import parsed_url as parsed_database
from bck_adapters.storage_fs.lock_record import decoded as decoded_lock
from bck_apps.gate.commands import understood
from bck_apps.gate.config import parsed_config as parsed_gate_config
from bck_apps.gate.enrolling.answer import parsed_answer
from bck_apps.gate.enrolling.problem import EnrolError
from bck_apps.gate.enrolling.server import parsed_server
from bck_apps.gate.refusal import GateBrokenError, GateRefusedError
from bck_apps.gate.words import split
from bck_apps.gui.config import parsed_config as parsed_client_config
from bck_apps.gui.messages import Session, parsed
from bck_apps.gui.problems import BadAnswerError, ConfigError, problem_from
from bck_apps.gui.sse import EventParser
from bckcore.domain.act import decoded as decoded_act
from bckcore.domain.cron import parsed_cron
from bckcore.domain.duration import parsed_duration
from bckcore.domain.enrolment_text import parsed_token, token_text
from bckcore.domain.host_key import checked_host_keys
from bckcore.domain.host_path import parsed_path, typed_path
from bckcore.domain.host_platform import Platform
from bckcore.domain.hours import parsed_hours, parsed_rate
from bckcore.domain.json_text import parsed_json
from bckcore.domain.manifest import decoded_line
from bckcore.domain.paths import RelPath
from bckcore.domain.plan import decoded as decoded_plan
from bckcore.domain.receipt import decoded as decoded_receipt
from bckcore.domain.secret import Secret
from bckcore.domain.size import parsed_size
from bckcore.domain.source import parsed_sources
from bckcore.domain.ssh_trust import checked_addresses, checked_public_key
from bckcore.domain.stored_stat import decoded as decoded_stat
from bckcore.errors import AccessDeniedError, DeliveryFailedError, InvalidInputError, StorageError
from bckcore.services.browsed import parsed_cursor
from tests.support.doors import HOME, Door

PIECEWISE = 512
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def as_text(stream: bytes) -> str:
    """Any bytes as text; what is no UTF-8 becomes halves of characters, as JSON may send them."""
    return stream.decode("utf-8", "surrogateescape")


def pathed(stream: bytes) -> None:
    """A path of a host: it has a form that is read back as the same, or is refused with a reason."""
    for platform in Platform:
        with suppress(InvalidInputError):
            path = parsed_path(as_text(stream), platform)
            assert not {"", ".", ".."} & set(path.names)
            assert parsed_path(path.text, platform) == path
    with suppress(InvalidInputError):
        typed_path(as_text(stream))


def filtered(stream: bytes) -> None:
    """Rules of a filter: what rsync is given can be given, and the same rules decide on any path."""
    rules = as_text(stream).split("\n")
    for ignore_case in (False, True):
        with suppress(InvalidInputError):
            assert len(parsed_rules(rules, ignore_case=ignore_case)) <= len(rules)
            for line in rsync_rules(rules, ignore_case=ignore_case):
                assert not {0, 10, 13} & set(line)
            one = GitIgnoreFilter(rules, ignore_case=ignore_case)
            for path in (b"a/b/" + b"a" * 250, b"/".join([b"a"] * 600)):
                one.excludes(RelPath(path), is_folder=False)


def client_configured(stream: bytes) -> None:
    """config.json of a client: what is taken is taken again as it is written."""
    with suppress(ConfigError):
        found = parsed_client_config(stream, Path("config.json"))
        again = json.dumps(found.model_dump(mode="json"), ensure_ascii=False).encode()
        assert parsed_client_config(again, Path("config.json")) == found


def gate_configured(stream: bytes) -> None:
    """The gate's TOML: it names a folder, or nothing is let through."""
    for platform in Platform:
        with suppress(GateBrokenError):
            found = parsed_gate_config(stream, "/etc/bck-gate.toml", platform)
            assert found.read or found.restore
            assert found.rsync.startswith("/")


def worded(stream: bytes) -> None:
    """The command that ssh was asked for."""
    with suppress(GateRefusedError):
        understood(split(as_text(stream)))


def answered(stream: bytes) -> None:
    """A server's answer to a token: each line that it makes is one line, and starts the gate alone."""
    try:
        document = parsed_json(stream)
    except ValueError:
        document = {"server": as_text(stream)}
    for platform in Platform if isinstance(document, dict) else ():
        with suppress(EnrolError):
            lines = parsed_answer(document, platform).lines("/usr/bin/bck-gate")
            assert all("\n" not in line and 'command="/usr/bin/bck-gate"' in line for line in lines)
    with suppress(EnrolError):
        parsed_server(as_text(stream))


def enrolled(stream: bytes) -> None:
    """A token of an enrolment: one that is taken has one way to be written."""
    with suppress(InvalidInputError):
        parts = parsed_token(Secret(as_text(stream)))
        assert parsed_token(token_text(parts)) == parts


def keyed(stream: bytes) -> None:
    """Host keys and a public key as anybody may send them, and the addresses beside."""
    lines = as_text(stream).split("\n")
    for parse in (checked_host_keys, checked_addresses):
        with suppress(InvalidInputError):
            assert all(line.isprintable() and line.isascii() for line in parse(lines))
    with suppress(InvalidInputError):
        assert checked_public_key(as_text(stream)).isprintable()


@cache
def _tokens() -> tuple[JwtTokens, TemporaryDirectory[str]]:
    """With the folder of its key, which goes with the process."""
    folder = TemporaryDirectory()
    return JwtTokens(Path(folder.name), MemoryVault()), folder


def let_in(stream: bytes) -> None:
    """An access, refresh or device token: nobody gets in by one that was not given out."""
    tokens, door, token = _tokens()[0], Door(), Secret(as_text(stream))
    checks: tuple[Callable[[], object], ...] = (
        lambda: tokens.check(token, now=NOW),
        lambda: door.sessions.refresh(token, HOME),
        lambda: door.devices.principal_of(token),
    )
    for check in checks:
        try:
            check()
        except AccessDeniedError:
            continue
        raise AssertionError("a token that nobody gave out was taken")


def typed(stream: bytes) -> None:
    """What people type and the API takes: sizes, times, names, addresses."""
    text = as_text(stream)
    parsers: tuple[Callable[[str], object], ...] = (
        parsed_size,
        parsed_duration,
        parsed_cron,
        parsed_rate,
        parsed_cursor,
        parsed_name,
        parsed_database,
        lambda text: parsed_hours((text,)),
        lambda text: parsed_sources(text.split("\n")),
        lambda text: parsed_webhook(Secret(text)),
    )
    for parse in parsers:
        with suppress(InvalidInputError, DeliveryFailedError):
            parse(text)


def recorded(stream: bytes) -> None:
    """Records in a store: read, or damaged."""
    parsers: tuple[Callable[[bytes], object], ...] = (
        decoded_receipt,
        decoded_act,
        decoded_plan,
        decoded_stat,
        lambda raw: decoded_line(as_text(raw)),
    )
    for parse in parsers:
        with suppress(StorageError):
            parse(stream)


def noted(stream: bytes) -> None:
    """Small files that the server keeps for itself."""
    decoded_lock(stream)
    for parse in (parsed_waiting, parsed_state, parsed_stat):
        with suppress(ValueError, KeyError, TypeError):
            parse(stream)


def streamed(stream: bytes) -> None:
    """What a server sends to the client: an answer, and events in any pieces."""
    with suppress(BadAnswerError):
        parsed(Session, stream)
    whole, pieces = EventParser(), EventParser()
    problem_from(500, stream)
    few = stream[:PIECEWISE]
    assert whole.feed(few) == [event for byte in few for event in pieces.feed(bytes([byte]))]
    whole.feed(stream)


TEXT_TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "paths": pathed,
    "filters": filtered,
    "client-config": client_configured,
    "gate-config": gate_configured,
    "gate-command": worded,
    "enrolling": answered,
    "enrolment-token": enrolled,
    "host-keys": keyed,
    "tokens": let_in,
    "typed": typed,
    "records": recorded,
    "notes": noted,
    "client-stream": streamed,
}
