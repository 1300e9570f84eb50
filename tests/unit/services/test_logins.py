"""Three ways in: what is kept for each, what a host must hold, and what it is shown."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bck_adapters.memory import MemorySshKeys, read_certificate
from bckcore.domain.credential import KeyCredential, PasswordCredential
from bckcore.domain.ids import SecretRef
from bckcore.domain.login import Login
from bckcore.domain.secret import Secret
from bckcore.errors import (
    AuthenticationError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PrivateKeyError,
    StorageError,
)
from bckcore.services.credentials import Credentials
from bckcore.services.hosts import HostChange
from bckcore.services.ssh_authority import AUTHORITY
from tests.support.logins import memory_authority
from tests.unit.services.test_hosts_and_profiles import KEY, PC1, PINNED, Office, host

SSH, PASSWORD = SecretRef("host/pc1/ssh"), SecretRef("host/pc1/password")


def office_with(login: Login, *, gate: str = "", password: str | None = None) -> Office:
    office = Office()
    wanted = replace(host(PC1, keys=PINNED), login=login, gate=gate)
    key = KEY if login is Login.KEY else None
    office.hosts.add(wanted, key=key, password=None if password is None else Secret(password))
    return office


def shown(office: Office, password: Secret[str] | None = None) -> object:
    return Credentials(office.vault, office.authority).of(office.hosts.get(PC1), password, purpose="run 1")


def test_an_own_key_is_made_here_and_its_private_half_stays_in_the_vault() -> None:
    office = office_with(Login.OWN_KEY, gate="/opt/gate")
    private = office.vault.get(SSH)
    trust = office.logins.trust(PC1)
    public = office.keys.public(private)
    assert trust.keys == (public,)
    assert trust.lines == (f'restrict,command="/opt/gate",from="192.0.2.1" {public} bck@server:pc1',)
    assert private.reveal() not in repr(trust)
    assert shown(office) == KeyCredential(private)


def test_another_own_key_takes_the_place_of_the_first() -> None:
    office = office_with(Login.OWN_KEY)
    before = office.logins.trust(PC1)
    after = office.logins.renew_key(PC1)
    assert after == office.logins.trust(PC1) != before
    office.hosts.change(PC1, HostChange(port=2222))
    assert office.logins.trust(PC1).keys == after.keys, "another change makes no other key"


@pytest.mark.parametrize("login", [Login.KEY, Login.CERTIFICATE, Login.PASSWORD])
def test_a_key_that_a_person_gave_is_not_replaced_by_one_of_ours(login: Login) -> None:
    office = office_with(login)
    with pytest.raises(ConflictError, match="not by a key of its own"):
        office.logins.renew_key(PC1)


@pytest.mark.parametrize(
    ("login", "advice"),
    [
        (Login.OWN_KEY, "bck host key pc1 --new"),
        (Login.KEY, "bck host set pc1 --key FILE"),
        (Login.PASSWORD, "bck host set pc1 --password-stdin"),
    ],
)
def test_what_the_vault_has_lost_is_said_with_the_way_out(login: Login, advice: str) -> None:
    office = office_with(login, password="secret" if login is Login.PASSWORD else None)
    office.vault.delete(PASSWORD if login is Login.PASSWORD else SSH)
    kind = AuthenticationError if login is Login.PASSWORD else PrivateKeyError
    with pytest.raises(kind, match="no longer has") as caught:
        shown(office)
    assert advice in caught.value.advice
    if login.keeps_key:
        with pytest.raises(PrivateKeyError, match="no longer has"):
            office.logins.trust(PC1)
    if login is Login.OWN_KEY:
        assert office.logins.renew_key(PC1) == office.logins.trust(PC1), "a new one needs no old one"


def test_a_certificate_counts_for_one_host_minutes_and_the_gate_alone() -> None:
    office = office_with(Login.CERTIFICATE, gate="/opt/gate")
    first, second = shown(office), shown(office)
    assert isinstance(first, KeyCredential)
    assert isinstance(second, KeyCredential)
    certificate, signed_by = read_certificate(first.certificate)
    now = office.clock.now()
    assert certificate.public == office.keys.public(first.private)
    assert (certificate.principal, certificate.key_id) == ("bck-pc1", "bck pc1 run 1")
    assert (certificate.command, certificate.addresses) == ("/opt/gate", ("192.0.2.1",))
    assert certificate.valid_from == now - timedelta(minutes=1)
    assert certificate.valid_until == now + timedelta(minutes=5)
    assert (signed_by,) == office.logins.trust(PC1).keys
    assert first.private.reveal() != second.private.reveal(), "each connection has a key of its own"
    assert certificate.serial != read_certificate(second.certificate)[0].serial
    with pytest.raises(NotFoundError):
        office.vault.get(SSH)


def test_what_a_host_must_hold_for_certificates_names_the_host() -> None:
    office = office_with(Login.CERTIFICATE)
    trust = office.logins.trust(PC1)
    [line] = trust.lines
    assert line.startswith('cert-authority,principals="bck-pc1",restrict,from="192.0.2.1" ssh-ed25519 ')
    assert line.endswith(" bck-ca@server:pc1")
    assert trust.principal == "bck-pc1"


def test_a_renewed_authority_is_told_before_it_signs() -> None:
    office = office_with(Login.CERTIFICATE)
    old = office.authority.public()
    both = office.authority.renew()
    assert both.trusted == (old.signing, both.coming)
    assert len(office.logins.trust(PC1).lines) == 2
    assert _signer(office) == old.signing
    with pytest.raises(ConflictError, match="already"):
        office.authority.renew()
    assert office.authority.finish().trusted == (both.coming,)
    assert _signer(office) == both.coming
    with pytest.raises(ConflictError, match="no new key"):
        office.authority.finish()


def test_an_authority_that_others_may_have_seen_is_replaced_at_once() -> None:
    office = office_with(Login.CERTIFICATE)
    old = office.authority.renew()
    new = office.authority.renew(at_once=True)
    assert not {*new.trusted} & {*old.trusted}
    assert _signer(office) == new.signing


def _signer(office: Office) -> str:
    credential = shown(office)
    assert isinstance(credential, KeyCredential)
    return read_certificate(credential.certificate)[1]


def test_the_authority_is_the_same_for_every_process() -> None:
    office = office_with(Login.CERTIFICATE)
    other = memory_authority(office.vault, keys=MemorySshKeys(), clock=office.clock)
    assert other.public() == office.authority.public() == other.public()


@pytest.mark.parametrize("text", ["", "x", "[]", '"x"', json.dumps({"signing": "only"})])
def test_a_damaged_authority_is_not_quietly_replaced(text: str) -> None:
    office = office_with(Login.CERTIFICATE)
    office.vault.put(AUTHORITY, Secret(text))
    for step in (lambda: shown(office), office.authority.renew, office.authority.finish):
        with pytest.raises(StorageError, match="renew --now"):
            step()
    assert office.vault.get(AUTHORITY).reveal() == text
    new = office.authority.renew(at_once=True)
    assert (_signer(office), office.logins.trust(PC1).keys) == (new.signing, (new.signing,))


def test_a_password_comes_with_the_start_or_is_kept_where_a_person_insists() -> None:
    office = office_with(Login.PASSWORD)
    with pytest.raises(AuthenticationError, match="none came with this start"):
        shown(office)
    credential = shown(office, Secret("sent"))
    assert isinstance(credential, PasswordCredential)
    assert credential.password.reveal() == "sent"
    office.hosts.change(PC1, HostChange(), password=Secret("kept"))
    kept = shown(office)
    assert isinstance(kept, PasswordCredential)
    assert kept.password.reveal() == "kept"
    assert office.logins.trust(PC1).lines == ()


def test_a_kept_password_is_forgotten_when_it_is_asked_for_and_with_the_host() -> None:
    office = office_with(Login.PASSWORD, password="kept")
    office.hosts.change(PC1, HostChange(), password=Secret(""))
    with pytest.raises(NotFoundError):
        office.vault.get(PASSWORD)
    with pytest.raises(AuthenticationError):
        shown(office)
    office.hosts.change(PC1, HostChange(), password=Secret("again"))
    office.hosts.remove(PC1)
    with pytest.raises(NotFoundError):
        office.vault.get(PASSWORD)


@pytest.mark.parametrize("login", [Login.KEY, Login.OWN_KEY, Login.CERTIFICATE])
def test_to_forget_a_password_leaves_a_host_without_one_as_it_is(login: Login) -> None:
    office = office_with(login)
    before, credential = office.hosts.get(PC1), shown(office)
    assert office.hosts.change(PC1, HostChange(), password=Secret("")) == before == office.hosts.get(PC1)
    assert isinstance(credential, KeyCredential)
    assert login is Login.CERTIFICATE or shown(office) == credential


@pytest.mark.parametrize("login", [Login.CERTIFICATE, Login.PASSWORD])
def test_with_another_way_in_the_old_key_is_gone(login: Login) -> None:
    office = office_with(Login.KEY)
    office.hosts.change(PC1, HostChange(login=login))
    with pytest.raises(NotFoundError):
        office.vault.get(SSH)


def test_a_given_key_or_password_alone_says_how_the_host_is_entered() -> None:
    office = office_with(Login.CERTIFICATE)
    assert office.hosts.change(PC1, HostChange(), key=KEY).login is Login.KEY
    assert office.hosts.change(PC1, HostChange(), password=Secret("p")).login is Login.PASSWORD
    with pytest.raises(NotFoundError):
        office.vault.get(SSH)


def test_the_same_is_so_for_a_new_host_unless_a_login_is_named() -> None:
    new = replace(host(PC1, keys=PINNED), login=Login.OWN_KEY)
    for key, password, login in (
        (KEY, None, Login.KEY),
        (None, Secret("p"), Login.PASSWORD),
        (None, None, Login.OWN_KEY),
    ):
        assert Office().hosts.add(new, key=key, password=password).login is login
    with pytest.raises(InvalidInputError, match="entered by certificate"):
        Office().hosts.add(new, login=Login.CERTIFICATE, key=KEY)
    with pytest.raises(InvalidInputError, match="A private key and a password"):
        Office().hosts.add(new, key=KEY, password=Secret("p"))


@pytest.mark.parametrize(
    ("login", "key", "password", "words"),
    [
        (Login.OWN_KEY, KEY, None, "entered by own-key"),
        (Login.CERTIFICATE, None, Secret("p"), "entered by certificate"),
        (Login.KEY, None, None, "needs a private key"),
        (Login.KEY, KEY, Secret("p"), "A private key and a password"),
        (Login.PASSWORD, None, Secret("a\nb"), "cannot be the password"),
    ],
)
def test_what_does_not_fit_changes_nothing(
    login: Login, key: Secret[str] | None, password: Secret[str] | None, words: str
) -> None:
    office = office_with(Login.OWN_KEY)
    before, private = office.hosts.get(PC1), office.vault.get(SSH).reveal()
    with pytest.raises(InvalidInputError, match=words):
        office.hosts.change(PC1, HostChange(login=login), key=key, password=password)
    assert (office.hosts.get(PC1), office.vault.get(SSH).reveal()) == (before, private)
