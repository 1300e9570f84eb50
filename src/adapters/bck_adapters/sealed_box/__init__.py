"""What is sealed for the runner: X25519, HKDF-SHA256 and ChaCha20-Poly1305."""

from bck_adapters.sealed_box.box import X25519Box
from bck_adapters.sealed_box.keys import PRIVATE, PUBLIC_FILE, SealingKeys

__all__ = ["PRIVATE", "PUBLIC_FILE", "SealingKeys", "X25519Box"]
