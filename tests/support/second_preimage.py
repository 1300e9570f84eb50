"""A second preimage of xxh128: for a file, another of the same size and digest, nearly all of it chosen.

xxh128 is fast and no secret guards it. In each block of 1,024 bytes (16 stripes of 8 lanes) a lane adds its
words, and the products of their halves with a fixed secret. Whoever keeps both sums of each lane keeps the
digest; three of a lane's 16 words are enough for that.
"""

from itertools import permutations
from struct import pack_into, unpack_from

BLOCK, LANES, STRIPES = 1024, 8, 16
_M32, _M64 = (1 << 32) - 1, (1 << 64) - 1
_SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)


def second_preimage(good: bytes, wanted: bytes) -> bytes:
    """Nearly all of ``wanted``, in the end that of ``good``: its size and its digest."""
    made = bytearray(good)
    for start in range(0, (len(good) - 1) // BLOCK * BLOCK, BLOCK):
        here = unpack_from("<128Q", good, start)
        words = list(unpack_from("<128Q", wanted, start))
        for lane in range(LANES):
            places = [stripe * LANES + lane for stripe in range(STRIPES)]
            keys = [unpack_from("<Q", _SECRET, stripe * 8 + lane * 8)[0] for stripe in range(STRIPES)]
            fixed = _fixed([here[place] for place in places], [words[place] for place in places], keys)
            for place, word in zip(places, fixed, strict=True):
                words[place] = word
        pack_into("<128Q", made, start, *words)
    return bytes(made)


def _product(word: int, key: int) -> int:
    mixed = word ^ key
    return (mixed & _M32) * (mixed >> 32)


def _fixed(good: list[int], wanted: list[int], keys: list[int]) -> list[int]:
    """``wanted``, changed in three places so that both sums are those of ``good``."""
    total = sum(good) & _M64
    products = sum(map(_product, good, keys)) & _M64
    for three in permutations(range(STRIPES), 3):
        rest = [number for number in range(STRIPES) if number not in three]
        left = (total - sum(wanted[number] for number in rest)) & _M64
        needed = (products - sum(_product(wanted[number], keys[number]) for number in rest)) & _M64
        for low in (1, 2, 3):
            found = _solved(left, needed, [keys[number] for number in three], low)
            if found:
                made = list(wanted)
                for number, word in zip(three, found, strict=True):
                    made[number] = word
                return made
    raise AssertionError("no three words of the lane will do")


def _solved(left: int, needed: int, keys: list[int], low: int) -> tuple[int, int, int] | None:
    """Three words of the sum ``left`` whose products have the sum ``needed``; the second one's is 0."""
    first, second, third = keys
    second_low = second & _M32
    third_low = (third & _M32) ^ low
    first_low = (left - second_low - third_low) & _M32
    factor = first_low ^ (first & _M32)
    if not factor:
        return None
    first_high = min(needed // factor, _M32)
    third_high, remainder = divmod(needed - factor * first_high, low)
    if remainder or third_high > _M32:
        return None
    one = ((first_high ^ (first >> 32)) << 32) | first_low
    three = ((third_high ^ (third >> 32)) << 32) | third_low
    two = (left - one - three) & _M64
    return (one, two, three) if two & _M32 == second_low else None
