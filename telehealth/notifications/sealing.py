"""What only one browser can open: message encryption for Web Push (RFC 8291), one record of aes128gcm (RFC 8188)."""

import secrets

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD = 4096  # octets that every push service takes (RFC 8030, section 7.2)
LONGEST = 3993  # octets of text that are left of it (RFC 8291, section 4)
LAST_RECORD = b"\x02"


class Unsealable(ValueError):
    """The keys are none of a browser, or the text is too long."""


def sealed_for(
    p256dh: bytes, auth: bytes, text: bytes, *, key: EllipticCurvePrivateKey | None = None, salt: bytes | None = None
) -> bytes:
    """The text as the browser with these keys opens it. Raises Unsealable.

    `key` and `salt` are new with every message; only the example of RFC 8291, section 5, brings its own.
    """
    if len(text) > LONGEST:
        raise Unsealable("too long")
    theirs, own = public_key(p256dh), key or generate_private_key(SECP256R1())
    salt = secrets.token_bytes(16) if salt is None else salt
    ours = octets(own)
    shared = _derived(own.exchange(ECDH(), theirs), auth, b"WebPush: info\0" + p256dh + ours, 32)
    content_key = _derived(shared, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(shared, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + RECORD.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return header + AESGCM(content_key).encrypt(nonce, text + LAST_RECORD, None)


def public_key(p256dh: bytes) -> EllipticCurvePublicKey:
    """A point on P-256, uncompressed. Raises Unsealable."""
    try:
        if len(p256dh) != 65:
            raise Unsealable("not an uncompressed point")
        return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), p256dh)
    except ValueError:
        raise Unsealable("not a point of P-256") from None


def octets(key: EllipticCurvePrivateKey) -> bytes:
    """The public half, as an uncompressed point."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)
