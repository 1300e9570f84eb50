"""A process for tests that enters deeds into the audit log as any part of the program does.

Started as ``python deeds.py DATABASE_URL HEAD_FILE NAME COUNT``.
"""

import sys
from pathlib import Path

from bck_adapters.audit_head import FileHeadKeeper
from bck_adapters.clock import SystemClock
from bck_adapters.sql import sql_database
from bckcore.domain.audit import Action, Actor, Origin
from bckcore.services.evidence import Evidence, Witness
from bckcore.services.witnessed import witnessed_units


def main(url: str, head: str, name: str, count: int) -> None:
    """Enter so many."""
    clock = SystemClock()
    database = sql_database(url, clock)
    witness = Witness(clock=clock, head=FileHeadKeeper(Path(head)))
    evidence = Evidence(units=witnessed_units(database.units, witness), witness=witness)
    with witness.acting(Actor(name=name, origin=Origin.API, address="192.0.2.1")):
        for number in range(count):
            evidence.tell(Action.DOWNLOAD, number=number)
    database.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
