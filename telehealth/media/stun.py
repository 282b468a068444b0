"""ICE-lite (RFC 8445): the node answers connectivity checks and never sends one. The codec is aioice's (RFC 8489)."""

import struct
from dataclasses import dataclass

from aioice import stun

from telehealth.media.malformed import Malformed
from telehealth.media.parse import parse_stun

BINDING_REQUEST = 0x0001
USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, UNKNOWN_ATTRIBUTES = 0x0006, 0x0008, 0x0009, 0x000A
UNDERSTOOD = frozenset({USERNAME, MESSAGE_INTEGRITY, 0x0024, 0x0025})  # and PRIORITY, USE-CANDIDATE
OPTIONAL_FROM = 0x8000  # RFC 8489, section 14: below, an attribute must be understood

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A Binding request that parsed. `local` is our user fragment in it, `remote` the browser's."""

    local: str
    remote: str
    nominates: bool
    claims_controlled: bool
    unknown: tuple[int, ...]
    message: stun.Message

    def shows(self, password: str) -> bool:
        """Whether the sender knows that password (RFC 8489, section 9.1)."""
        return self.message.check_message_integrity(password.encode())


def local_fragment(data: bytes) -> str | None:
    """Our user fragment in the USERNAME of a Binding request, read without parsing the rest.

    What does not name a fragment of ours is dropped for the price of this; a fragment cannot be guessed.
    """
    if len(data) < _HEADER.size:
        return None
    kind, length, cookie, _ = _HEADER.unpack_from(data)
    if kind != BINDING_REQUEST or cookie != stun.COOKIE or length != len(data) - _HEADER.size or length % 4:
        return None
    position = _HEADER.size
    while position + _ATTRIBUTE.size <= len(data):
        name, size = _ATTRIBUTE.unpack_from(data, position)
        if name == USERNAME:
            value = data[position + 4 : position + 4 + size]
            return value.partition(b":")[0].decode("ascii", "replace")
        position += 4 + size + -size % 4
    return None


def read_check(data: bytes) -> Check:
    """The check in that datagram. Raises Malformed."""
    message = parse_stun(data)
    local, colon, remote = str(message.attributes.get("USERNAME", "")).partition(":")
    if (
        message.message_class is not stun.Class.REQUEST
        or message.message_method is not stun.Method.BINDING
        or not colon
    ):
        raise Malformed("stun")
    return Check(
        local=local,
        remote=remote,
        nominates="USE-CANDIDATE" in message.attributes,
        claims_controlled="ICE-CONTROLLED" in message.attributes,
        unknown=_not_understood(data),
        message=message,
    )


def reply(check: Check, *, password: str, source: tuple[str, int]) -> bytes:
    """The response to a check that showed the password: where it came from, or why it cannot count.

    A lite agent is always controlled (RFC 8445, section 6.1.1): a browser that says so of itself gets 487.
    """
    if check.unknown:
        listed = struct.pack(f"!{len(check.unknown)}H", *check.unknown)
        return _error(check, 420, "Unknown Attribute", password=password, more=_attribute(UNKNOWN_ATTRIBUTES, listed))
    if check.claims_controlled:
        return _error(check, 487, "Role Conflict", password=password)
    message = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.RESPONSE,
        transaction_id=check.message.transaction_id,
        attributes={"XOR-MAPPED-ADDRESS": source},
    )
    message.add_message_integrity(password.encode())
    return bytes(message)


def accepted(check: Check) -> bool:
    """Whether `reply` is a success, so that the check proves its path."""
    return not check.unknown and not check.claims_controlled


def _error(check: Check, code: int, reason: str, *, password: str, more: bytes = b"") -> bytes:
    """By hand: aioice's codec does not know UNKNOWN-ATTRIBUTES."""
    body = _attribute(ERROR_CODE, stun.pack_error_code((code, reason))) + more
    head = _HEADER.pack(stun.Class.ERROR | stun.Method.BINDING, 0, stun.COOKIE, check.message.transaction_id)
    data = head + body
    data += _attribute(MESSAGE_INTEGRITY, stun.message_integrity(data, password.encode()))
    data += _attribute(0x8028, struct.pack("!I", stun.message_fingerprint(data)))
    return stun.set_body_length(data, len(data) - _HEADER.size)


def _attribute(name: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(name, len(value)) + value + bytes(-len(value) % 4)


def _not_understood(data: bytes) -> tuple[int, ...]:
    """Attributes before MESSAGE-INTEGRITY that must be understood and are not; what follows it is not authenticated."""
    found, position = [], _HEADER.size
    while position + _ATTRIBUTE.size <= len(data):
        name, size = _ATTRIBUTE.unpack_from(data, position)
        if name == MESSAGE_INTEGRITY:
            break
        if name < OPTIONAL_FROM and name not in UNDERSTOOD:
            found.append(name)
        position += 4 + size + -size % 4
    return tuple(found)
