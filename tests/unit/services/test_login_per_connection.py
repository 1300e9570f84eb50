"""What counts for minutes is made anew for each connection, however long a run takes."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bck_adapters.memory import read_certificate
from bck_adapters.memory.hosts import MemoryHost
from bck_adapters.memory.transport import MemoryTransport
from bckcore.domain.credential import Credential, KeyCredential
from bckcore.domain.filters import FilterOptions
from bckcore.domain.gather import Gathered, GatherOrder
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.login import Login
from bckcore.domain.run import RunOutcome
from bckcore.domain.ssh_certificate import SshCertificate
from bckcore.domain.transfer import PullOrder
from bckcore.errors import TransferInterruptedError
from bckcore.ports.transport import PullReport, Watcher
from tests.support.house import PC, House


class Slow(MemoryTransport):
    """Each connection takes ten minutes; the first pull breaks off."""

    def __init__(self, hosts: dict[HostId, MemoryHost]) -> None:
        super().__init__(hosts)
        self.house: House | None = None
        self.shown: list[SshCertificate] = []
        self.pulls = 0

    def gather(self, order: GatherOrder, credential: Credential | None, watcher: Watcher) -> Gathered:
        self._look_at(credential)
        return super().gather(order, credential, watcher)

    def pull(self, order: PullOrder, credential: Credential | None, watcher: Watcher) -> PullReport:
        self._look_at(credential)
        self.pulls += 1
        if self.pulls == 1:
            raise TransferInterruptedError("The cable was pulled.")
        return super().pull(order, credential, watcher)

    def _look_at(self, credential: Credential | None) -> None:
        assert self.house is not None
        assert isinstance(credential, KeyCredential)
        certificate, _ = read_certificate(credential.certificate)
        assert certificate.valid_from < self.house.clock.now() < certificate.valid_until
        self.shown.append(certificate)
        self.house.clock.advance(timedelta(minutes=10).total_seconds())


def test_each_connection_of_a_run_has_a_certificate_of_its_own_that_is_valid_then(tmp_path: Path) -> None:
    pc = MemoryHost()
    pc.source("/home/u/docs").write(b"f", b"data")
    transport = Slow({PC: pc})
    host = Host(id=PC, address="pc1", transport="memory", allowed_roots=("/",), login=Login.CERTIFICATE)
    transport.house = house = House(tmp_path, transport, host=host, attempts=2)
    house.change_profile(filters=replace(FilterOptions(), bckignore=True))
    run = house.back_up()
    assert run.outcome is RunOutcome.SUCCEEDED
    assert len(transport.shown) == 4, "two attempts, each asks for rules and pulls"
    assert len({one.serial for one in transport.shown}) == len({one.public for one in transport.shown}) == 4
    assert {one.key_id for one in transport.shown} == {f"bck pc1 run {run.id}"}
