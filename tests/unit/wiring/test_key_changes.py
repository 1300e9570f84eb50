"""Keys that lie outside the vault, and failures that are forgotten: the audit log knows who changed them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bck_adapters.memory import SettableClock
from bck_apps.wiring import Application, initialise
from bck_apps.wiring.certificates import Certificates
from bckcore.domain.audit import Action, Outcome
from bckcore.domain.secret import Secret
from bckcore.errors import AccessDeniedError, InvalidInputError
from bckcore.services.evidence import Evidence


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    base: Path = tmp_path_factory.mktemp("keys")
    secret = Secret("correct horse battery")
    with initialise(base / "home", storage=base / "store", admin="ada", password=secret) as made:
        made.certificates.files()
        yield made


def entered(application: Application, action: Action, after: int) -> list[tuple[Outcome, dict[str, str]]]:
    found = application.evidence.entries(after=after)
    return [(entry.deed.outcome, dict(entry.deed.about)) for entry in found if entry.deed.action is action]


def newest(application: Application) -> int:
    return application.evidence.entries()[-1].number


@pytest.mark.parametrize(("overlap", "told"), [(True, "yes"), (False, "no")])
def test_another_key_for_access_tokens_is_entered(application: Application, overlap: bool, told: str) -> None:
    before = newest(application)
    name = application.tokens.rotate(now=application.clock.now(), overlap=overlap)
    assert entered(application, Action.KEY_STORED, before) == [
        (Outcome.ASKED, {"secret": "token-key", "overlap": told}),
        (Outcome.DONE, {"secret": "token-key", "overlap": told, "fingerprint": name}),
    ]


def test_a_renewed_certificate_is_entered_with_its_fingerprint(application: Application) -> None:
    before = newest(application)
    application.certificates.renew(own=False)
    fingerprint = application.certificates.facts().server_fingerprint
    assert entered(application, Action.KEY_STORED, before) == [
        (Outcome.ASKED, {"secret": "tls/server"}),
        (Outcome.DONE, {"secret": "tls/server", "fingerprint": fingerprint}),
    ]


def test_a_certificate_that_renews_itself_is_entered_once(application: Application) -> None:
    before = newest(application)
    application.certificates.files().server_certificate.unlink()
    fingerprint = application.certificates.facts().server_fingerprint
    application.certificates.files()
    about = {"secret": "tls/server", "fingerprint": fingerprint}
    assert entered(application, Action.KEY_STORED, before) == [(Outcome.DONE, about)]


def test_a_log_that_cannot_be_reached_takes_no_certificate_from_clients(tmp_path: Path) -> None:
    def away() -> Evidence:
        raise PermissionError(13, "Permission denied")

    made = Certificates(tmp_path, (), SettableClock(), away).files()
    assert made.server_certificate.exists()


def test_an_import_that_is_refused_is_entered_as_failed(application: Application) -> None:
    before = newest(application)
    with pytest.raises(InvalidInputError):
        application.certificates.bring(b"none", b"none", b"")
    found = entered(application, Action.KEY_STORED, before)
    assert [outcome for outcome, _ in found] == [Outcome.ASKED, Outcome.FAILED]


def test_failures_that_are_forgotten_are_entered(application: Application) -> None:
    with pytest.raises(AccessDeniedError), application.throttles.attempt("login", "192.0.2.9", account="ada"):
        raise AccessDeniedError("wrong")
    before = newest(application)
    assert application.throttles.unlock("ada") == 1
    about = {"user": "ada", "changed": "unlocked"}
    assert entered(application, Action.USER_CHANGED, before) == [(Outcome.DONE, about)]


def test_failures_of_an_address_that_are_forgotten_are_entered(application: Application) -> None:
    with pytest.raises(AccessDeniedError), application.throttles.attempt("login", "2001:db8::9"):
        raise AccessDeniedError("wrong")
    before = newest(application)
    with pytest.raises(InvalidInputError):
        application.throttles.unlock_address("nowhere")
    assert application.throttles.unlock_address("2001:db8::9") == ("2001:db8::/64", 2)
    about = {"network": "2001:db8::/64", "changed": "unlocked"}
    assert entered(application, Action.USER_CHANGED, before) == [(Outcome.DONE, about)]
