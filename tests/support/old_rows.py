"""Databases as older versions of the program left them: a schema step, and a row in each of its tables.

The rows are literals on purpose. They stand for what those versions wrote, so they never change; a new schema
step adds what came with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, insert

from bck_adapters.sql.database import alembic_config, order_by_bytes

Row = Mapping[str, Any]
AT = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
RUN = "20260105T120000Z-00000001"
ASKED = {"point": "latest", "paths": ["a", "ü"]}
PROGRESS = {"phase": "finished", "files_done": 3, "bytes_done": 2**40}
COUNTS = {"files_count": 3, "bytes_count": 2**41, "added_count": 1, "changed_count": 1, "gone_count": 0}

ROWS: Mapping[str, Mapping[str, Row]] = {
    "0001": {
        "account": {"name": "anna", "role": "admin", "password_hash": "$argon2id$ü", "created": AT},
        "host": {
            "id": "pc1",
            "address": "192.0.2.7",
            "port": 2222,
            "user_name": "saver",
            "platform": "posix",
            "transport": "rsync-ssh",
            "key_ref": "host/pc1/key",
            "host_keys": ["ssh-ed25519 AAAA"],
            "allowed_roots": ["/home/u", "/srv/ü"],
        },
        "profile": {
            "id": "docs",
            "host": "pc1",
            "sources": [{"name": "docs", "path": "/home/u/docs"}],
            "excludes": ["*.tmp", "/ü ü"],
            "keep_last": 3,
            "keep_within_us": 172_800_000_001,
            "every_us": 14_400_000_000,
            "options": {"attempts": 5, "compress": True, "idle_timeout": 300},
            "enabled": True,
            "created": AT,
        },
        "job": {
            "id": "j0",
            "kind": "restore",
            "profile": "docs",
            "host": "pc1",
            "requested_by": "anna",
            "created": AT,
            "status": "queued",
            "payload": ASKED,
            "idempotency_key": "k0",
            "started": None,
            "finished": None,
            "claims": 1,
            "cancel_requested": False,
            "progress": PROGRESS,
            "result": {"data": {"n": 2**60}, "error_code": "", "error": "", "meaning": "", "advice": ""},
            "token": "",
            "lease_until": None,
            "log_lines": 1,
        },
        "job_key": {"profile": "docs", "kind": "restore", "idempotency_key": "k0", "job_id": "j0", "at": AT},
        "job_log": {"job_id": "j0", "number": 1, "at": AT, "level": "info", "text": "ü began"},
        "run": {
            "id": RUN,
            "profile": "docs",
            "host": "pc1",
            "job": "j-1",
            "seq": 1,
            "started": AT,
            "finished": LATER,
            "outcome": "succeeded",
            "made_point": True,
            **COUNTS,
            "attempts": [],
            "problem_count": 0,
            "error_code": "",
            "error": "",
            "increment_removed": False,
        },
        "point": {
            "profile": "docs",
            "seq": 1,
            "run_id": RUN,
            "outcome": "succeeded",
            "counted": "counted",
            "started": AT,
            "finished": LATER,
            "verified_at": LATER,
            **COUNTS,
        },
        "catalog_source": {
            "profile": "docs",
            "source": "docs",
            "fingerprint": "12345",
            "paths": 1,
            "files": 1,
            "bytes": 2**40,
            "interrupted": False,
            "known": True,
        },
        "file_version": {
            "source_id": 1,
            "path": b"a\xff\n",
            "since_seq": 1,
            "until_seq": None,
            "kind": "f",
            "mode": 0o640,
            "uid": 2**31,
            "gid": 100,
            "mtime_s": 2**33,
            "mtime_ns": 123_456_789,
            "size": 2**40,
            "target": b"",
            "digest": b"0123456789abcdef",
        },
    },
    "0002": {
        "job_key": {
            "idempotency_key": "k0",
            "request": '["docs","restore",{"paths":["a","\\u00fc"],"point":"latest"}]',
            "job_id": "j0",
            "at": AT,
        },
    },
    "0003": {
        "profile": {
            **{f"keep_{rule}": 4 for rule in ("hourly", "daily", "weekly", "monthly", "yearly")},
            "min_age_us": 86_400_000_000,
            "time_zone": "Europe/Rome",
        },
        "run": {"kind": "backup"},
        "hold": {
            "profile": "docs",
            "seq": 1,
            "reason": "why – ü",
            "owner": "zoë",
            "created": AT,
            "expires": LATER,
        },
        "act": {
            "profile": "docs",
            "number": 1,
            "host": "pc1",
            "kind": "forget",
            "at": AT,
            "by_whom": "zoë",
            "reason": "not\nours",
            "after_seq": 1,
            "points": [1],
            "paths": [["docs", "a %0A%FF/b"]],
            "expires": None,
            "previous": "",
        },
    },
    "0004": {},
    "0005": {"file_version": {"excluded": False}},
    "0006": {
        "run_problem": {
            "profile": "docs",
            "seq": 1,
            "number": 0,
            "source": "docs",
            "kind": "unreadable",
            "path": b"\xff\n",
            "message": "ü: permission denied",
        }
    },
    "0007": {"job": {"holder": None}},
    "0008": {},
    "0009": {
        "profile": {
            "every_us": None,
            "schedule": {"cron": "30 2 * * mon-fri", "windows": ["mon-fri 01:00-09:00", "sat"]},
            "bandwidth_plan": ["22:00-06:00=0"],
            "fresh_within_us": 259_200_000_001,
        },
        "schedule_state": {
            "profile": "docs",
            "answered": AT,
            "due_since": LATER,
            "tries": 3,
            "failures": 2,
            "job": None,
            "last_try": LATER,
            "next_try": LATER,
            "offline_since": LATER,
            "note": "pc1 does not answer – ü",
            "stale_since": None,
        },
        "presence": {
            "host": "pc1",
            "at": AT,
            "expires": LATER,
            "since": AT,
            "awake": False,
            "on_mains": True,
            "unmetered": False,
            "idle": None,
        },
    },
    "0010": {"profile": {"filters": {"presets": ["caches@1"], "bckignore": True, "max_size": 2**32}}},
    "0011": {"job": {"node": "cellar"}},
    "0012": {
        "host": {"owners": ["anna", "zoe"]},
        "account": {"second_factor": None},
        "session": {
            "id": "s1",
            "account": "anna",
            "created": AT,
            "used": AT,
            "expires": LATER,
            "address": "192.0.2.7",
            "client": "a ü client",
            "ended": None,
            "reason": "",
        },
        "refresh_token": {"digest": "d" * 64, "session": "s1", "issued": AT, "used": None},
        "device_token": {
            "id": "t1",
            "name": "ü laptop",
            "host": "pc1",
            "scopes": ["start", "watch"],
            "digest": "e" * 64,
            "created": AT,
            "created_by": "anna",
            "expires": LATER,
            "revoked": None,
        },
        "throttle": {"key": "account:x", "failures": 3, "last": AT, "until": LATER},
    },
    "0013": {
        "host": {"quota_bytes": 2**41, "quota_inodes": 3_000_000_000},
        "audit": {"number": 1, "line": '{"format":1,"number":1,"previous":"","who":"anna"}'},
    },
    "0014": {"job": {"deaths": 2}},
    "0015": {"host": {"login": "certificate", "gate": "/usr/local/bin/bck-gate"}},
    "0016": {"job": {"sealed": "AWxsIG9mIHRoaXM"}},
    "0017": {
        "host": {"awaits_enrolment": False},
        "enrolment": {
            "id": "e1",
            "host": "pc1",
            "digest": "f" * 64,
            "created": AT,
            "created_by": "anna",
            "expires": LATER,
            "replace_host_key": False,
            "used": None,
            "revoked": None,
        },
    },
    "0018": {"job_key": {"as_sent": False}},
    "0019": {},
    "0020": {"job": {"asked": None}},
    "0021": {},
}
"""What each schema step brought: new tables with their row, new columns with their value."""
STEPS = tuple(
    script.revision
    for script in reversed(list(ScriptDirectory.from_config(alembic_config()).walk_revisions()))
)


def rows_at(step: str) -> dict[str, dict[str, Any]]:
    """A row for each table that a database at this step has."""
    found: dict[str, dict[str, Any]] = {}
    for each in STEPS[: STEPS.index(step) + 1]:
        for table, row in ROWS[each].items():
            # The one table that was made anew, with other columns.
            before = {} if (each, table) == ("0002", "job_key") else found.get(table, {})
            found[table] = {**before, **row}
    return found


def upgraded_to(engine: Engine, step: str) -> None:
    """Bring an empty database to the step."""
    with engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, step)
        order_by_bytes(connection)


def fill_at(engine: Engine, step: str) -> None:
    """Bring an empty database to the step, and enter the rows."""
    upgraded_to(engine, step)
    there = MetaData()
    there.reflect(engine)
    rows = rows_at(step)
    with engine.begin() as connection:
        for table in there.sorted_tables:
            if table.name == "alembic_version":
                continue
            counted = (
                {"number"} if table.name == "job" else {"id"} if table.name == "catalog_source" else set()
            )
            columns = {column.name for column in table.columns} - counted
            assert columns == set(rows[table.name]), f"{step}: say what a row of {table.name} looked like"
            connection.execute(insert(table), [rows[table.name]])
