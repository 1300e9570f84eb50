"""The audit log on real databases: one chain whoever writes, and a change that shows wherever it is made."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from bck_adapters.audit_head import FileHeadKeeper
from bck_adapters.clock import SystemClock
from bck_adapters.sql import sql_database
from bck_adapters.sql.engine import make_engine
from bckcore.domain.audit import Action, Actor, Head, Origin, chained, decoded, encoded
from bckcore.domain.audit_proof import Break
from bckcore.services.evidence import Evidence, Witness
from bckcore.services.witnessed import witnessed_units

PROCESSES, EACH = 4, 10
_GUARDS_OFF = {
    "sqlite": ("DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete"),
    "postgresql": ("ALTER TABLE audit DISABLE TRIGGER audit_no_change",),
}
"""What an attacker does first who may change the schema."""


@pytest.fixture
def database(url):
    opened = sql_database(url, SystemClock())
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def evidence(database, tmp_path):
    witness = Witness(clock=SystemClock(), head=FileHeadKeeper(tmp_path / "audit.head"))
    return Evidence(units=witnessed_units(database.units, witness), witness=witness)


@pytest.fixture
def filled(evidence):
    with evidence.witness.acting(Actor(name="anna", origin=Origin.API)):
        for number in range(9):
            evidence.tell(Action.DOWNLOAD, number=number)
    return evidence


@pytest.fixture
def engine(url):
    made = make_engine(url)
    yield made
    made.dispose()


def _run(engine, *statements):
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def _breaks(evidence):
    return [(one.kind, one.first, one.last) for one in evidence.proof().breaks]


def test_several_processes_make_one_chain_of_all_their_entries(database, evidence, url, tmp_path):
    program = Path(__file__).with_name("deeds.py")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    head = str(tmp_path / "audit.head")
    started = [
        subprocess.Popen([sys.executable, program, url, head, f"api{n}", str(EACH)], env=environment)
        for n in range(PROCESSES)
    ]
    assert [process.wait(120) for process in started] == [0] * PROCESSES
    proof = evidence.proof()
    assert (proof.ok, proof.entries) == (True, PROCESSES * EACH)
    assert proof.remembered == proof.newest
    entries = evidence.entries()
    assert Counter(one.deed.actor.name for one in entries) == {f"api{n}": EACH for n in range(PROCESSES)}
    for n in range(PROCESSES):
        own = [dict(one.deed.about)["number"] for one in entries if one.deed.actor.name == f"api{n}"]
        assert own == [str(number) for number in range(EACH)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET line = 'x' WHERE number = 3",
        "DELETE FROM audit WHERE number = 3",
        "DELETE FROM audit",
    ],
)
def test_the_database_itself_refuses_to_change_or_remove(filled, engine, statement):
    with pytest.raises(SQLAlchemyError, match="only ever added to"):
        _run(engine, statement)
    assert filled.proof().ok


def test_postgresql_refuses_to_empty_the_table(filled, engine):
    if engine.dialect.name != "postgresql":
        assert filled.proof().ok  # SQLite has no TRUNCATE; its DELETE is tried above
        return
    with pytest.raises(SQLAlchemyError, match="only ever added to"):
        _run(engine, "TRUNCATE audit")


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (["UPDATE audit SET line = replace(line, 'anna', 'bert') WHERE number = 4"], (Break.CHANGED, 4, 4)),
        (["DELETE FROM audit WHERE number IN (4, 5)"], (Break.REMOVED, 4, 5)),
        (["DELETE FROM audit WHERE number = 1"], (Break.REMOVED, 1, 1)),
        (["DELETE FROM audit WHERE number > 6"], (Break.TRUNCATED, 7, 9)),
        (["DELETE FROM audit"], (Break.TRUNCATED, 1, 9)),
        (["UPDATE audit SET line = replace(line, 'anna', 'bert') WHERE number = 9"], (Break.CHANGED, 9, 9)),
        (["UPDATE audit SET line = '{}' WHERE number = 2"], (Break.UNREADABLE, 2, 2)),
        (
            [
                "UPDATE audit SET number = 100 WHERE number = 4",
                "UPDATE audit SET number = 4 WHERE number = 5",
                "UPDATE audit SET number = 5 WHERE number = 100",
            ],
            (Break.REORDERED, 4, 4),
        ),
    ],
)
def test_a_change_behind_the_guards_shows_with_its_place(filled, engine, statements, found):
    _run(engine, *_GUARDS_OFF[engine.dialect.name], *statements)
    assert _breaks(filled)[0] == found


def test_a_past_that_was_written_anew_as_a_whole_shows_by_the_remembered_head(filled, engine):
    lines = list(filled.lines())
    head = Head(number=0, digest="")
    _run(engine, *_GUARDS_OFF[engine.dialect.name], "DELETE FROM audit")
    with filled._units() as uow:
        for line in lines:
            deed = decoded(line.replace(b"anna", b"bert")).deed
            entry = chained(deed, head)
            uow.audit.append(entry)
            head = entry.head
        uow.commit()
    assert encoded(entry) == list(filled.lines())[-1]
    assert _breaks(filled) == [(Break.CHANGED, 9, 9)]


def test_a_log_that_lost_everything_goes_on_and_shows_what_is_missing(filled, engine):
    _run(engine, *_GUARDS_OFF[engine.dialect.name], "DELETE FROM audit")
    filled.tell(Action.DOWNLOAD, number=9)
    assert filled.entries()[0].number == 10
    assert _breaks(filled) == [(Break.REMOVED, 1, 9)]


@pytest.mark.parametrize("more", [1, 3, 4, 12])
def test_an_end_that_was_cut_off_shows_also_when_the_numbers_are_higher_again(filled, engine, more):
    known = filled.proof().remembered
    _run(engine, *_GUARDS_OFF[engine.dialect.name], "DELETE FROM audit WHERE number > 6")
    for _ in range(more):
        filled.tell_after(Action.LOGIN, user="nobody")
    assert filled.entries()[-1].number == 6 + more
    assert _breaks(filled) == [(Break.TRUNCATED, 8, 9) if more == 1 else (Break.CHANGED, 9, 9)]
    assert filled.proof().remembered == known
