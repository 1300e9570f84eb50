"""The migrations build exactly the schema the code uses, in a private file: what is particular to SQLite."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bck_adapters.clock import SystemClock
from bck_adapters.sql import sql_database
from bck_adapters.sql.database import alembic_config, is_current, migrate, newest_step
from bck_adapters.sql.engine import make_engine
from bck_adapters.sql.tables import metadata
from bck_adapters.sql.unit_of_work import SqlUnitOfWork
from bck_adapters.testkit.samples import sample_entry
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.errors import InvalidInputError, StorageError

# What test_postgresql.py holds of PostgreSQL, and test_old_schemas.py of both.
pytestmark = pytest.mark.sqlite

P, S = ProfileId("docs"), SourceName("docs")


@pytest.fixture
def engine(tmp_path):
    made = make_engine(f"sqlite:///{tmp_path / 'test.db'}")
    yield made
    made.dispose()


def test_migrating_gives_the_tables_of_the_code_and_may_be_repeated(engine):
    migrate(engine)
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []


def _schema(engine):
    """Every statement that made a table or index, without differences of layout."""
    query = "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name <> 'alembic_version'"
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(query).all()
    return {name: None if sql is None else " ".join(sql.replace('"', "").split()) for name, sql in rows}


def test_migrating_gives_the_same_statements_as_creating(engine, tmp_path):
    """Partial indexes, tables without rowid and names of constraints, which a comparison passes over."""
    migrate(engine)
    created = make_engine(f"sqlite:///{tmp_path / 'created.db'}")
    metadata.create_all(created)
    assert _schema(engine) == _schema(created)
    created.dispose()


def test_every_constraint_has_a_name():
    constraints = [constraint for table in metadata.tables.values() for constraint in table.constraints]
    assert [constraint for constraint in constraints if not constraint.name] == []


def test_migrations_form_one_line():
    assert len(ScriptDirectory.from_config(alembic_config()).get_heads()) == 1


def test_the_file_is_private_and_set_up_for_safety(engine, tmp_path):
    migrate(engine)
    assert (tmp_path / "test.db").stat().st_mode & 0o777 == 0o600
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    with engine.connect() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted}
    assert found == wanted


def test_a_schema_of_a_newer_program_is_told(engine):
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match="newer version"):
        migrate(engine)


def test_a_file_that_is_no_database_is_told(tmp_path):
    (tmp_path / "test.db").write_bytes(b"this is no database" * 100)
    database = sql_database(f"sqlite:///{tmp_path / 'test.db'}", SystemClock())
    with pytest.raises(StorageError):
        database.migrate()
    database.close()


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "nonsense", "sqlite:////no/such/folder/x.db"]
)
def test_an_address_that_names_no_usable_file_is_refused(url):
    with pytest.raises(InvalidInputError):
        sql_database(url, SystemClock())


def test_no_helper_table_outlives_its_unit(engine):
    """Not even when a comparison is left half-way and the unit commits under it."""
    migrate(engine)
    with SqlUnitOfWork(engine) as uow:
        uow.catalog.apply(P, 1, [Change(S, ChangeOp.ADDED, sample_entry(b"%d" % n)) for n in range(3)])
        left_open = uow.catalog.unseen(P, S, [])
        next(left_open)
        uow.commit()
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_temp_schema").scalar_one() == 0


def test_the_newest_step_is_found_without_alembic():
    assert newest_step() == ScriptDirectory.from_config(alembic_config()).get_current_head()


def test_a_schema_that_is_current_is_opened_while_somebody_writes(engine):
    migrate(engine)
    with engine.begin():  # holds the one writer's place
        assert is_current(engine)
        migrate(engine)
