"""X25519Box: each secret under a key of its own, agreed with the runner's by a pair that is thrown away.

A sealed text is base64 of: version, one byte; the public half of the pair, 32 bytes; the encrypted secret.
The key is HKDF-SHA256 of the shared secret, with both public halves in its info; it serves once, so the
nonce is always zero. Version and job are authenticated with the secret, so that a sealed text of one job
opens for no other.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bck_adapters.sealed_box.keys import SealingKeys
from bckcore.domain.ids import JobId
from bckcore.domain.secret import Secret
from bckcore.errors import InvalidInputError, SealBrokenError
from bckcore.ports.sealed_box import LONGEST_SECRET

_VERSION = b"\x01"
_INFO = b"bck sealed box 1"
_NONCE = bytes(12)
_PUBLIC = 32
_TAG = 16
_LENGTH = 2
_BLOCK = 64


class X25519Box:
    """SealedBox."""

    def __init__(self, keys: SealingKeys) -> None:
        self._keys = keys

    def seal(self, job: JobId, secret: Secret[str]) -> str:
        """See the port."""
        plain = _padded(secret.reveal().encode("utf-8"))
        runner, once = self._keys.public(), X25519PrivateKey.generate()
        own = once.public_key().public_bytes_raw()
        cipher = _cipher(once, runner, own + runner)
        return _text(_VERSION + own + cipher.encrypt(_NONCE, plain, _bound_to(job)))

    def opened(self, job: JobId, sealed: str) -> Secret[str]:
        """See the port."""
        raw = _raw(sealed)
        if raw[:1] != _VERSION or len(raw) < 1 + _PUBLIC + _TAG + _BLOCK:
            raise _broken(job)
        once, encrypted = raw[1 : 1 + _PUBLIC], raw[1 + _PUBLIC :]
        private = self._keys.private()
        runner = private.public_key().public_bytes_raw()
        try:
            plain = _cipher(private, once, once + runner).decrypt(_NONCE, encrypted, _bound_to(job))
        except (InvalidTag, ValueError):  # ValueError: a public half that makes no secret with any key
            raise _broken(job) from None
        return Secret(_unpadded(plain).decode("utf-8"))


def _cipher(own: X25519PrivateKey, other: bytes, both: bytes) -> ChaCha20Poly1305:
    shared = own.exchange(X25519PublicKey.from_public_bytes(other))
    return ChaCha20Poly1305(HKDF(SHA256(), length=32, salt=None, info=_INFO + both).derive(shared))


def _bound_to(job: JobId) -> bytes:
    return _VERSION + job.encode("utf-8")


def _padded(secret: bytes) -> bytes:
    if len(secret) > LONGEST_SECRET:
        raise InvalidInputError(f"A password has at most {LONGEST_SECRET} bytes.")
    content = len(secret).to_bytes(_LENGTH, "big") + secret
    return content + bytes(-len(content) % _BLOCK)


def _unpadded(plain: bytes) -> bytes:
    length = int.from_bytes(plain[:_LENGTH], "big")
    return plain[_LENGTH : _LENGTH + length]


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _raw(sealed: str) -> bytes:
    """The bytes; none where the text is not exactly the one that stands for them."""
    try:
        raw = urlsafe_b64decode(sealed.encode("ascii") + b"=" * (-len(sealed) % 4))
    except ValueError:
        return b""
    return raw if _text(raw) == sealed else b""


def _broken(job: JobId) -> SealBrokenError:
    return SealBrokenError(
        f"The password that was sent with job {job} cannot be opened: it was sealed for another key or "
        "another job, or altered.",
        advice="Start the work again, with the password, on the server that keeps this PC's backups.",
    )
