"""All tables. Every constraint has a name, so that later migrations can address it."""

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    event,
    false,
    text,
)

from bck_adapters.sql.columns import Blob, String, Text, UtcDateTime
from bck_adapters.sql.path_keys import PathBytes, keyed_by_path

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

host = Table(
    "host",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("address", Text, nullable=False),
    Column("port", Integer, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("platform", String(16), nullable=False),
    Column("transport", Text, nullable=False),
    Column("key_ref", Text),
    Column("host_keys", JSON, nullable=False),
    Column("allowed_roots", JSON, nullable=False),
    Column("owners", JSON),
    Column("quota_bytes", BigInteger),
    Column("quota_inodes", BigInteger),
    Column("login", String(16), server_default="key", nullable=False),
    Column("gate", Text, server_default="", nullable=False),
    Column("awaits_enrolment", Boolean, server_default=false(), nullable=False),
)

CALENDAR_RULES = ("hourly", "daily", "weekly", "monthly", "yearly")

profile = Table(
    "profile",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("host", ForeignKey("host.id"), nullable=False),
    Column("sources", JSON, nullable=False),
    Column("excludes", JSON, nullable=False),
    Column("keep_last", Integer, nullable=False),
    Column("keep_within_us", BigInteger, nullable=False),
    Column("every_us", BigInteger),
    Column("options", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created", UtcDateTime),
    *(Column(f"keep_{rule}", Integer, nullable=False) for rule in CALENDAR_RULES),
    Column("min_age_us", BigInteger, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("schedule", JSON),
    Column("bandwidth_plan", JSON),
    Column("fresh_within_us", BigInteger),
    Column("filters", JSON),
    Index(None, "host"),
)

schedule_state = Table(
    "schedule_state",
    metadata,
    Column("profile", String(64), nullable=False),
    Column("answered", UtcDateTime),
    Column("due_since", UtcDateTime),
    Column("tries", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("job", Text),
    Column("last_try", UtcDateTime),
    Column("next_try", UtcDateTime),
    Column("offline_since", UtcDateTime),
    Column("note", Text, nullable=False),
    Column("stale_since", UtcDateTime),
    PrimaryKeyConstraint("profile"),
)

presence = Table(
    "presence",
    metadata,
    Column("host", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("expires", UtcDateTime, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("awake", Boolean, nullable=False),
    Column("on_mains", Boolean),
    Column("unmetered", Boolean),
    Column("idle", Boolean),
    PrimaryKeyConstraint("host"),
)


def _count_columns() -> list[Column[int]]:
    names = ("files", "bytes", "added", "changed", "gone")
    return [Column(f"{name}_count", BigInteger, nullable=False) for name in names]


# Runs and points name their profile without a foreign key: they are rebuilt from receipts, which may
# tell of profiles that are gone.
run = Table(
    "run",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("profile", String(64), nullable=False),
    Column("host", String(64), nullable=False),
    Column("job", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime),
    Column("outcome", String(16)),
    Column("made_point", Boolean, nullable=False),
    *_count_columns(),
    Column("attempts", JSON, nullable=False),
    Column("problem_count", BigInteger, nullable=False),
    Column("error_code", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("increment_removed", Boolean, nullable=False),
    Column("kind", String(16), nullable=False),
    UniqueConstraint("profile", "seq"),
)

run_problem = Table(
    "run_problem",
    metadata,
    Column("profile", String(64), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("source", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("path", Blob, nullable=False),
    Column("message", Text, nullable=False),
    PrimaryKeyConstraint("profile", "seq", "number"),
    sqlite_with_rowid=False,
)

point = Table(
    "point",
    metadata,
    Column("profile", String(64), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("counted", String(16), nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime, nullable=False),
    Column("verified_at", UtcDateTime, nullable=False),
    *_count_columns(),
    PrimaryKeyConstraint("profile", "seq"),
)

hold = Table(
    "hold",
    metadata,
    Column("profile", String(64), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("expires", UtcDateTime),
    PrimaryKeyConstraint("profile", "seq"),
)

act = Table(
    "act",
    metadata,
    Column("profile", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("host", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("by_whom", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("after_seq", Integer, nullable=False),
    Column("points", JSON, nullable=False),
    Column("paths", JSON, nullable=False),
    Column("expires", UtcDateTime),
    Column("previous", String(64), nullable=False),
    PrimaryKeyConstraint("profile", "number"),
)

account = Table(
    "account",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("second_factor", JSON(none_as_null=True)),
)

session = Table(
    "session",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("account", String(255), nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("used", UtcDateTime, nullable=False),
    Column("expires", UtcDateTime, nullable=False),
    Column("address", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("ended", UtcDateTime),
    Column("reason", Text, nullable=False),
    Index(None, "account"),
)

refresh_token = Table(
    "refresh_token",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("session", ForeignKey("session.id"), nullable=False),
    Column("issued", UtcDateTime, nullable=False),
    Column("used", UtcDateTime),
    Index(None, "session"),
)

device_token = Table(
    "device_token",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("host", String(64), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires", UtcDateTime, nullable=False),
    Column("revoked", UtcDateTime),
    UniqueConstraint("digest"),
)

enrolment = Table(
    "enrolment",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("host", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires", UtcDateTime, nullable=False),
    Column("replace_host_key", Boolean, nullable=False),
    Column("used", UtcDateTime),
    Column("revoked", UtcDateTime),
)

throttle = Table(
    "throttle",
    metadata,
    Column("key", String(160), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Index(None, "last"),
)

_RUNNING = text("status = 'running' AND kind NOT IN ('check', 'preview')")
_CHECKING = text("status = 'running' AND kind IN ('check', 'preview')")
_WANTED = text(
    "status IN ('queued', 'running') AND kind IN ('backup', 'prune', 'preview') AND NOT cancel_requested"
)

job = Table(
    "job",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("profile", String(64), nullable=False),
    Column("host", String(64), nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Column("status", String(16), nullable=False),
    Column("payload", JSON, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("started", UtcDateTime),
    Column("finished", UtcDateTime),
    Column("claims", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("progress", JSON, nullable=False),
    Column("result", JSON, nullable=False),
    Column("token", Text, nullable=False),
    Column("lease_until", UtcDateTime),
    Column("log_lines", Integer, nullable=False),
    Column("holder", JSON(none_as_null=True)),
    Column("node", String(64), server_default="", nullable=False),
    Column("deaths", Integer, server_default="0", nullable=False),
    Column(
        "sealed",
        Text,
        CheckConstraint("sealed = '' OR status IN ('queued', 'running')", name="sealed"),
        server_default="",
        nullable=False,
    ),
    Column("asked", UtcDateTime),
    UniqueConstraint("id"),
    Index("uq_job_running_host", "host", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    Index("uq_job_running_profile", "profile", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    Index("uq_job_running_check", "host", unique=True, sqlite_where=_CHECKING, postgresql_where=_CHECKING),
    Index(
        "uq_job_unfinished",
        "profile",
        "kind",
        unique=True,
        sqlite_where=_WANTED,
        postgresql_where=_WANTED,
    ),
    Index(None, "status", "number"),
    Index("ix_job_node", "node", "status", "number"),
    Index("ix_job_profile", "profile", "number"),
)

job_key = Table(
    "job_key",
    metadata,
    Column("idempotency_key", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("job_id", ForeignKey("job.id"), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    # False: kept by a version that knew only what its names stood for.
    Column("as_sent", Boolean, server_default=false(), nullable=False),
    PrimaryKeyConstraint("idempotency_key"),
    Index(None, "job_id"),
)

job_log = Table(
    "job_log",
    metadata,
    Column("job_id", ForeignKey("job.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("level", String(16), nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("job_id", "number"),
    sqlite_with_rowid=False,
)

catalog_source = Table(
    "catalog_source",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("profile", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("paths", BigInteger, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("interrupted", Boolean, nullable=False),
    Column("known", Boolean, nullable=False),
    UniqueConstraint("profile", "source"),
)

_ENDED = text("until_seq IS NOT NULL")

# Times are split into seconds and nanoseconds: together, those after 2262 are more than 64 bits hold.
# One tree keyed by path serves every lookup, on PostgreSQL by what path_keys.py says of it; no foreign key to
# catalog_source, because checking it for each of a million rows costs more than it proves.
file_version = Table(
    "file_version",
    metadata,
    Column("source_id", Integer, nullable=False),
    Column("path", PathBytes, nullable=False),
    Column("since_seq", Integer, nullable=False),
    Column("until_seq", Integer),
    Column("kind", String(1), nullable=False),
    Column("mode", Integer, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("gid", BigInteger, nullable=False),
    Column("mtime_s", BigInteger, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("target", Blob, nullable=False),
    Column("digest", Blob, nullable=False),
    # With a default, so that a table of millions of rows takes the column at once.
    Column("excluded", Boolean, server_default=false(), nullable=False),
    PrimaryKeyConstraint("source_id", "path", "since_seq").ddl_if(dialect="sqlite"),
    Index("ix_file_version_ended", "source_id", "until_seq", sqlite_where=_ENDED, postgresql_where=_ENDED),
    sqlite_with_rowid=False,
)
keyed_by_path(file_version, before="source_id", after="since_seq")

# What happened, one line an entry; the line names the one before by its digest.
audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("line", Text, nullable=False),
)

_APPEND_ONLY = "the audit log is only ever added to"
AUDIT_GUARDS = {
    "sqlite": tuple(
        f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit "
        f"BEGIN SELECT RAISE(ABORT, '{_APPEND_ONLY}'); END"
        for verb in ("UPDATE", "DELETE")
    ),
    "postgresql": (
        "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_APPEND_ONLY}'; END $$",
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()",
    ),
}
"""Statements by which the database itself refuses to change or remove an entry."""
for _dialect, _statements in AUDIT_GUARDS.items():
    for _statement in _statements:
        _guard = DDL(_statement)  # type: ignore[no-untyped-call]  # SQLAlchemy left it untyped
        event.listen(audit, "after_create", _guard.execute_if(dialect=_dialect))
