"""Keys of the sealed box: made once, parted in two, and put right where they do not fit any more."""

import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from bck_adapters.memory import MemoryVault
from bck_adapters.sealed_box import PRIVATE, PUBLIC_FILE, SealingKeys, X25519Box
from bckcore.domain.ids import JobId
from bckcore.domain.secret import Secret
from bckcore.errors import SealBrokenError, StorageError

JOB = JobId("j")
LOW_ORDER = bytes(32)
"""A public half with which every key makes the same secret."""


class ClosedVault(MemoryVault):
    """What may be put in and not taken out: the vault as a process sees it that does not have its key."""

    def get(self, ref):
        raise StorageError(f"The secret {ref} cannot be opened.")


class BusyVault(MemoryVault):
    """Once, right after a secret was looked for, another process does something."""

    def __init__(self):
        super().__init__()
        self.meanwhile = None

    def get(self, ref):
        try:
            return super().get(ref)
        finally:
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile:
                meanwhile()


@pytest.fixture
def vault():
    return MemoryVault()


@pytest.fixture
def box(tmp_path, vault):
    return X25519Box(SealingKeys(tmp_path, vault))


def test_who_seals_needs_no_private_half(tmp_path, vault, box):
    box.seal(JOB, Secret("makes the keys"))
    sealed = X25519Box(SealingKeys(tmp_path, ClosedVault())).seal(JOB, Secret("secret"))
    assert box.opened(JOB, sealed).reveal() == "secret"


def test_the_private_half_lies_in_the_vault_alone(tmp_path, vault, box):
    box.seal(JOB, Secret("secret"))
    private = vault.get(PRIVATE).reveal()
    public = tmp_path / PUBLIC_FILE
    assert [path.name for path in tmp_path.iterdir()] == [PUBLIC_FILE]
    assert private not in public.read_text()
    assert stat.S_IMODE(public.stat().st_mode) == 0o600


def test_all_who_make_keys_at_once_take_the_same(tmp_path, vault):
    boxes = [X25519Box(SealingKeys(tmp_path, vault)) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda one: one.seal(JOB, Secret("secret")), boxes))
    assert [boxes[0].opened(JOB, one).reveal() for one in sealed] == ["secret"] * 8


def test_a_key_that_was_replaced_opens_nothing_old_and_says_what_to_do(tmp_path, box):
    old = box.seal(JOB, Secret("secret"))
    (tmp_path / PUBLIC_FILE).unlink()
    new = box.seal(JOB, Secret("secret"))
    assert box.opened(JOB, new).reveal() == "secret"
    with pytest.raises(SealBrokenError, match="Start the work again, with the password"):
        box.opened(JOB, old)


def test_a_public_half_that_was_removed_does_not_come_back_when_something_is_opened(tmp_path, vault, box):
    old = box.seal(JOB, Secret("secret"))
    before = vault.get(PRIVATE)
    (tmp_path / PUBLIC_FILE).unlink()
    assert box.opened(JOB, old).reveal() == "secret", "what waits is opened as long as nobody seals"
    box.seal(JOB, Secret("makes another pair"))
    assert vault.get(PRIVATE) != before


@pytest.mark.parametrize("lost", [False, True])
def test_a_pair_that_is_made_while_something_is_opened_stays(tmp_path, lost):
    vault = BusyVault()
    box = X25519Box(SealingKeys(tmp_path, vault))
    old, new = box.seal(JOB, Secret("old")), []

    def remade():
        (tmp_path / PUBLIC_FILE).unlink()
        new.append(X25519Box(SealingKeys(tmp_path, vault)).seal(JOB, Secret("new")))

    if lost:
        vault.delete(PRIVATE)
    vault.meanwhile = remade
    with nullcontext() if not lost else pytest.raises(SealBrokenError, match="no longer holds"):
        box.opened(JOB, old)
    new.append(box.seal(JOB, Secret("new")))
    assert [box.opened(JOB, one).reveal() for one in new] == ["new"] * 2


def test_a_lost_private_half_is_told_and_a_new_pair_made(vault, box):
    sealed = box.seal(JOB, Secret("secret"))
    vault.delete(PRIVATE)
    with pytest.raises(SealBrokenError, match="no longer holds"):
        box.opened(JOB, sealed)
    assert box.opened(JOB, box.seal(JOB, Secret("again"))).reveal() == "again"


@pytest.mark.parametrize("content", [b"", b"no key", b"\xff" * 40, b"QUJD\n"])
def test_a_damaged_public_file_is_made_anew(tmp_path, box, content):
    box.seal(JOB, Secret("secret"))
    (tmp_path / PUBLIC_FILE).write_bytes(content)
    assert box.opened(JOB, box.seal(JOB, Secret("secret"))).reveal() == "secret"


def test_a_public_half_of_another_vault_is_put_right_when_a_job_fails_for_it(tmp_path, vault, box):
    first = box.seal(JOB, Secret("secret"))
    other = tmp_path / "other"
    other.mkdir()
    X25519Box(SealingKeys(other, MemoryVault())).seal(JOB, Secret("makes the keys"))
    (other / PUBLIC_FILE).replace(tmp_path / PUBLIC_FILE)
    with pytest.raises(SealBrokenError):
        box.opened(JOB, box.seal(JOB, Secret("secret")))
    assert box.opened(JOB, first).reveal() == "secret"
    assert box.opened(JOB, box.seal(JOB, Secret("secret"))).reveal() == "secret"


def test_a_damaged_private_half_says_what_to_do(vault, box):
    sealed = box.seal(JOB, Secret("secret"))
    vault.put(PRIVATE, Secret("no key"))
    with pytest.raises(StorageError, match=f"Remove {PUBLIC_FILE}"):
        box.opened(JOB, sealed)


def test_a_folder_that_takes_no_file_is_told(tmp_path, vault):
    with pytest.raises(StorageError, match="cannot be used"):
        X25519Box(SealingKeys(tmp_path / "not there", vault)).seal(JOB, Secret("secret"))


def test_a_public_half_that_makes_no_secret_is_refused(box):
    raw = urlsafe_b64decode(box.seal(JOB, Secret("secret")) + "==")
    forged = urlsafe_b64encode(raw[:1] + LOW_ORDER + raw[33:]).rstrip(b"=").decode()
    with pytest.raises(SealBrokenError):
        box.opened(JOB, forged)
