"""What is particular to PostgreSQL: schema, order of texts, locks, and how its troubles are told."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, select

from bck_adapters.clock import SystemClock
from bck_adapters.sql import engine as sql_engine
from bck_adapters.sql import sql_database
from bck_adapters.sql.database import migrate, order_by_bytes
from bck_adapters.sql.engine import make_engine
from bck_adapters.sql.path_keys import in_order
from bck_adapters.sql.tables import file_version, metadata
from bck_adapters.sql.unit_of_work import SqlUnitOfWork
from bck_adapters.testkit.samples import long_path, sample_entry, sample_host, sample_job
from bckcore.domain.ids import ProfileId, SourceName
from bckcore.domain.manifest import Change, ChangeOp
from bckcore.domain.paths import RelPath
from bckcore.domain.secret import Secret
from bckcore.errors import DatabaseUnreachableError, InvalidInputError, StorageError, TransientError
from tests.support.postgresql import fresh_database, postgres_server, shared_server

P, S = ProfileId("docs"), SourceName("docs")

_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text,
       a.attstorage::text,
       pg_get_expr(d.adbin, d.adrelid)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
"""
_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
"""
_INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"


@pytest.fixture
def engine(fresh_postgresql):
    made = make_engine(fresh_postgresql)
    yield made
    made.dispose()


def _schema(engine):
    with engine.connect() as connection:
        rows = {
            name: connection.exec_driver_sql(query).all()
            for name, query in (("columns", _COLUMNS), ("constraints", _CONSTRAINTS), ("indexes", _INDEXES))
        }
    return {name: sorted(row for row in found if row[0] != "alembic_version") for name, found in rows.items()}


def test_migrating_gives_the_schema_of_the_code_and_may_be_repeated(engine):
    migrate(engine)
    migrate(engine)
    with engine.connect() as connection:
        # What lies in an index of expressions, the comparison cannot tell; it is compared below.
        opts = {"compare_type": True, "include_name": lambda name, *_: name != "uq_file_version_key"}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []
    with fresh_database() as address:
        created = make_engine(address)
        metadata.create_all(created)
        with created.begin() as connection:
            order_by_bytes(connection)
        assert _schema(engine) == _schema(created)
        created.dispose()


def test_texts_sort_by_their_bytes_whatever_language_the_server_speaks():
    with fresh_database(more="LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'") as address:
        database = sql_database(address, SystemClock())
        database.migrate()
        names = ["a.b", "a-c", "ab", "a_d", "a"]
        with database.units() as uow:
            for host in names:
                uow.hosts.add(sample_host(host))
            assert [host.id for host in uow.hosts.list()] == sorted(names)
        database.close()


def test_a_database_of_another_encoding_is_refused():
    with fresh_database(more="ENCODING 'LATIN1' LOCALE 'C'") as address:
        database = sql_database(address, SystemClock())
        with pytest.raises(StorageError, match="LATIN1"):
            database.migrate()
        database.close()


def test_a_writer_that_waits_too_long_may_try_again_and_leaves_no_connection_behind(engine, fresh_postgresql):
    migrate(engine)
    quick = sql_database(f"{fresh_postgresql}&options=-c%20lock_timeout%3D100", SystemClock())
    slow = sql_database(fresh_postgresql, SystemClock())
    with slow.units() as uow:
        uow.hosts.add(sample_host())
        kept = []
        for _ in range(3):
            with pytest.raises(TransientError, match="busy") as caught, quick.units():
                pass
            kept.append(caught)  # whoever keeps the error keeps what it refers to
        with engine.connect() as connection:
            count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            assert connection.exec_driver_sql(count).scalar_one() == 3, "this one, the slow and the quick one"
    slow.close()
    quick.close()


@pytest.mark.parametrize("name", ["nothere", "postgres"])
def test_what_a_later_try_does_not_mend_is_told_apart(name):
    """No such database; a database in which this user may not make tables."""
    server = shared_server()
    server.run("DROP ROLE IF EXISTS nobody_special", "CREATE ROLE nobody_special LOGIN")
    url = server.url(name).replace("bckadmin", "nobody_special")
    database = sql_database(url, SystemClock())
    with pytest.raises(StorageError):
        database.migrate()
    database.close()


def test_a_server_that_is_away_may_come_back_and_old_connections_do_no_harm():
    with postgres_server() as server:
        database = sql_database(server.url(server.create()), SystemClock())
        database.migrate()
        database.queue.enqueue(sample_job("a"))
        with database.units() as uow:
            uow.hosts.add(sample_host())
            server.stop()
            with pytest.raises(DatabaseUnreachableError):
                uow.commit()
        with pytest.raises(DatabaseUnreachableError):
            database.queue.list()
        server.start()
        assert [job.id for job in database.queue.list()] == ["a"]
        with database.units(read_only=True) as uow:
            assert uow.hosts.list() == []
        database.close()


def test_passwords_are_used_and_never_told():
    with postgres_server(password="s3cret-word") as server:
        url = server.url(server.create(), password=False)
        database = sql_database(url, SystemClock(), Secret("s3cret-word"))
        database.migrate()
        assert database.state is not None
        assert database.state().address == url
        database.close()
        wrong = sql_database(url, SystemClock(), Secret("wr0ng-word"))
        with pytest.raises(StorageError, match="authentication failed") as caught:
            wrong.migrate()
        assert "wr0ng-word" not in str(caught.value)
        wrong.close()


@pytest.mark.parametrize(
    "url", ["postgresql://u:s3cret@h", "postgresql://u:s3cret@h:port/x", "mysql://u:s3cret@h/x"]
)
def test_an_address_that_is_refused_is_told_without_its_password(url):
    with pytest.raises(InvalidInputError) as caught:
        make_engine(url)
    assert "s3cret" not in str(caught.value)


def test_no_helper_table_outlives_its_unit(engine):
    """Not even when a comparison is left half-way and the unit commits under it."""
    from tests.integration.sql.scale import changes

    migrate(engine)
    with SqlUnitOfWork(engine) as uow:
        uow.catalog.apply(P, 1, changes(3))
        left_open = uow.catalog.unseen(P, S, [])
        next(left_open)
        uow.commit()
    with engine.connect() as connection:
        mine = (
            "SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema()"
        )
        assert connection.exec_driver_sql(mine).scalar_one() == 0


def test_a_writer_that_is_frozen_in_the_middle_is_ended_by_the_server_and_a_reader_is_not(
    engine, fresh_postgresql, monkeypatch
):
    migrate(engine)
    monkeypatch.setitem(sql_engine._SESSION, "idle_in_transaction_session_timeout", 500)
    silent, other = (sql_database(fresh_postgresql, SystemClock()) for _ in range(2))
    with silent.units(read_only=True) as reader:
        assert reader.hosts.list() == []
        frozen = silent.units()
        frozen.__enter__()
        frozen.hosts.add(sample_host("never"))
        with other.units() as uow:  # waits for as long as the frozen one may be silent
            uow.hosts.add(sample_host("pc2"))
            uow.commit()
        with pytest.raises(DatabaseUnreachableError):
            frozen.commit()
        frozen.__exit__(None, None, None)
        assert reader.hosts.list() == []
    with other.units(read_only=True) as uow:
        assert [host.id for host in uow.hosts.list()] == ["pc2"]
    silent.close()
    other.close()


@pytest.mark.parametrize("length", [30, 2_600, 2_601, 4_000])
def test_paths_of_any_length_are_sought_in_the_index(engine, length):
    """Without what is said of its keys, each question would read the whole table, and so would each path."""
    migrate(engine)
    path, other = (RelPath(long_path(length, name)) for name in (b"x", b"y"))
    paths = [path, other, *(RelPath(b"%05d" % number) for number in range(5_000))]
    with SqlUnitOfWork(engine) as uow:
        uow.catalog.apply(P, 1, [Change(S, ChangeOp.ADDED, sample_entry(one)) for one in paths])
        uow.commit()
    column, paths = file_version.c.path, sorted(paths)
    found = select(column).where(file_version.c.source_id == 1).order_by(in_order(column))
    asked = (
        (found.where(column == path), [path]),
        (found.where(column.in_([other, path, b"00007"])), [b"00007", path, other]),
        (found.where(column > path).limit(1), [other]),
        (found.where(column >= path, column < other), [path]),
        (found.limit(2), paths[:2]),
    )
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE file_version")
        answers = [list(connection.execute(question).scalars()) for question, _ in asked]
        assert answers == [sorted(wanted) for _, wanted in asked]
        event.listen(connection, "before_cursor_execute", _explained, retval=True)
        plans = ["\n".join(connection.execute(question).scalars()) for question, _ in asked]
    assert [plan for plan in plans if "uq_file_version_key" not in plan or "Seq Scan" in plan] == []


def _explained(_connection, _cursor, statement, values, *_):
    return f"EXPLAIN {statement}", values
