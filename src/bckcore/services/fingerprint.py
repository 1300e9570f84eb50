"""An order-free hash over paths: equal hashes tell, without a diff, that nothing came and nothing went."""

from collections.abc import Iterable
from hashlib import blake2b

from bckcore.domain.paths import RelPath

_MODULUS = 1 << 128


def path_hash(path: RelPath) -> int:
    """128 bits of one path."""
    return int.from_bytes(blake2b(path, digest_size=16).digest(), "big")


def fingerprint(paths: Iterable[RelPath]) -> tuple[int, int]:
    """The sum of all path hashes modulo 2**128, and how many paths there were."""
    total = count = 0
    for path in paths:
        total += int.from_bytes(blake2b(path, digest_size=16).digest(), "big")
        count += 1
    return total % _MODULUS, count


def combined(base: int, *, added: int = 0, removed: int = 0) -> int:
    """``base`` after paths whose hashes sum to ``added`` came and to ``removed`` went."""
    return (base + added - removed) % _MODULUS
