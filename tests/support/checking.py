"""Checks of a house, and the harm that they must find."""

from bckcore.domain.check import CheckReport, CheckRequest, Finding
from bckcore.ports.transport import Transport
from bckcore.ports.vault import Vault
from bckcore.services.check import CheckService
from bckcore.services.check_host import HostReader
from tests.support.house import DOCS, House
from tests.support.logins import memory_credentials

ALL = CheckRequest(read_data=True)
LOOK = CheckRequest()


def check_service(
    house: House, transport: Transport | None = None, *, seed: int = 7, vault: Vault | None = None
) -> CheckService:
    """The service over a house's parts; with a transport it can ask the PC, too."""

    def transport_for(_host: object) -> Transport:
        assert transport is not None, "this check was made without a transport"
        return transport

    credentials = memory_credentials(vault)
    reader = HostReader(units=house.database.units, credentials=credentials, transport_for=transport_for)
    return CheckService(
        units=house.database.units,
        storage=house.storage,
        recovery=house.recovery,
        host_reader=reader,
        clock=house.clock,
        new_seed=lambda: seed,
    )


def checked(house: House, request: CheckRequest = ALL, transport: Transport | None = None) -> CheckReport:
    """One check, here and now."""
    return check_service(house, transport).check(DOCS, request, house.watcher)


def told(report: CheckReport) -> set[tuple[str, str, bytes]]:
    """What was found: cause, place, and the path with its source, if it has one."""
    return {(finding.cause.value, finding.place, _whole(finding)) for finding in report.findings}


def _whole(finding: Finding) -> bytes:
    return finding.path if finding.source is None else finding.source.encode() + b"/" + finding.path


def assert_check_is_clean(house: House, request: CheckRequest = ALL) -> CheckReport:
    """No finding in a whole check: for machines that live random lives, after every step."""
    report = checked(house, request)
    assert told(report) == set(), [finding.text for finding in report.findings]
    return report
