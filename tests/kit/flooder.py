"""A stranger's junk, from its own process: `python -m tests.kit.flooder HOST PORT PER_SECOND SECONDS`."""

import itertools
import os
import random
import socket
import struct
import sys
import time

from aioice import stun
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import SRTP_PROFILES
from OpenSSL import SSL


def client_hello() -> bytes:
    """The first flight of a DTLS client that is nobody in any call."""
    connection = SSL.Connection(RTCCertificate.generateCertificate()._create_ssl_context(srtp_profiles=SRTP_PROFILES))
    connection.set_connect_state()
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return connection.bio_read(1500)
    raise AssertionError("a handshake with nobody")


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def request(*attributes: bytes) -> bytes:
    body = b"".join(attributes)
    return struct.pack("!HHI12s", 1, len(body), stun.COOKIE, b"twelve bytes") + body


def junk() -> list[bytes]:
    """One of each thing that ends a call on aiortc as it ships, and of what looks like media."""
    return [
        b"",
        client_hello(),
        request(attribute(0x0024, b"xx")),
        request(attribute(0x8028, b"x")),
        request(attribute(0x8029, b"1234")),
        request(attribute(0x0006, b"nobody:here"), attribute(0x0024, b"1234")),
        b"\x80\x6f" + os.urandom(100),
        b"\x80\xc8" + os.urandom(100),
        b"\x16\xfe\xfd" + os.urandom(60),
        b"\x40" + os.urandom(1200),
        os.urandom(64),
    ]


def main() -> None:
    host, port, rate, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    sender = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((host, port))
    things = itertools.cycle(random.Random(7).sample(junk(), 11))
    began = time.monotonic()
    sent = 0
    while (now := time.monotonic() - began) < seconds:
        while sent < now * rate:
            sender.send(next(things))
            sent += 1
        time.sleep(0.005)
    sys.stdout.write(f"{sent}\n")


if __name__ == "__main__":
    main()
