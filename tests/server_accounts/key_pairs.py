"""RSA keys for tests: as PEM, and as an issuer publishes them."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


class KeyPair:
    """A private and a public key."""

    def __init__(self, bits: int = 2048) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        self.private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        public = key.public_key()
        self.public = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self._numbers = public.public_numbers()

    def published(self, kid: str | None = None, **more: Any) -> dict[str, Any]:
        """The entry of a key set."""
        entry = {
            "kty": "RSA",
            "n": _base64(self._numbers.n),
            "e": _base64(self._numbers.e),
            **more,
        }
        return entry if kid is None else {**entry, "kid": kid}


@cache
def key_pair(name: str) -> KeyPair:
    """Always the same one of a name: making one takes time."""
    return KeyPair()


def key_set(*entries: Any) -> bytes:
    """The text of a key set."""
    return json.dumps({"keys": entries}).encode()


def _base64(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
