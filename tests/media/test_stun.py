"""The ICE-lite responder against aioice's own reading of its answers, and against bytes of every kind."""

import struct

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from telehealth.media.malformed import Malformed
from telehealth.media.stun import accepted, local_fragment, read_check, reply

PASSWORD = "p" * 24
ADDRESSES = [("192.0.2.7", 50_000), ("2001:db8::7", 50_001)]


def check(*, password: str = PASSWORD, username: str = "mine:yours", **attributes: object) -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes = {
        "USERNAME": username,
        "PRIORITY": 1,
        **{k.replace("_", "-"): v for k, v in attributes.items()},
    }
    message.add_message_integrity(password.encode())
    return bytes(message)


@pytest.mark.parametrize("source", ADDRESSES)
def test_a_check_is_answered_with_where_it_came_from(source: tuple[str, int]) -> None:
    found = read_check(check(ICE_CONTROLLING=1, USE_CANDIDATE=None))
    assert (found.local, found.remote, found.nominates) == ("mine", "yours", True)
    assert found.shows(PASSWORD)
    assert accepted(found)
    answer = stun.parse_message(reply(found, password=PASSWORD, source=source))
    assert answer.message_class is stun.Class.RESPONSE
    assert answer.transaction_id == found.message.transaction_id
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == source
    assert answer.check_message_integrity(PASSWORD.encode())
    assert "FINGERPRINT" in answer.attributes


def test_another_password_does_not_show_ours() -> None:
    assert not read_check(check(password="x" * 24)).shows(PASSWORD)


def test_a_check_without_integrity_shows_nothing() -> None:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes = {"USERNAME": "mine:yours", "PRIORITY": 1}
    assert not read_check(bytes(message)).shows(PASSWORD)


def test_a_browser_that_says_it_is_controlled_gets_a_role_conflict() -> None:
    found = read_check(check(ICE_CONTROLLED=7))
    answer = stun.parse_message(reply(found, password=PASSWORD, source=ADDRESSES[0]))
    assert not accepted(found)
    assert (answer.message_class, answer.error_code) == (stun.Class.ERROR, 487)
    assert answer.check_message_integrity(PASSWORD.encode())


def test_an_attribute_that_must_be_understood_is_named() -> None:
    found = read_check(check(CHANGE_REQUEST=1))
    data = reply(found, password=PASSWORD, source=ADDRESSES[0])
    answer = stun.parse_message(data)
    assert not accepted(found)
    assert answer.error_code == 420
    assert struct.pack("!HHH", 0x000A, 2, 0x0003) in data
    assert answer.check_message_integrity(PASSWORD.encode())


def test_an_optional_attribute_is_passed_over() -> None:
    assert accepted(read_check(check(SOFTWARE="a browser")))


@pytest.mark.parametrize("username", ["", "mine", ":", "mine:"])
def test_a_user_name_without_both_parts(username: str) -> None:
    data = check(username=username)
    if ":" in username:
        assert read_check(data).local == username.partition(":")[0]
    else:
        with pytest.raises(Malformed):
            read_check(data)


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=4, max_size=40))
def test_the_fragment_is_read_without_parsing(fragment: str) -> None:
    data = check(username=f"{fragment}:yours")
    assert local_fragment(data) == read_check(data).local == fragment


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(data: bytes) -> None:
    for each in (data, struct.pack("!HHI12s", 1, len(data), stun.COOKIE, b"twelve bytes") + data):
        local_fragment(each)
        try:
            read_check(each)
        except Malformed:
            continue


@given(st.data(), st.integers(0, 255))
def test_a_changed_byte_shows_nothing(data: st.DataObject, byte: int) -> None:
    """Up to the fingerprint, which is eight bytes after the integrity and not covered by it."""
    forged = bytearray(check(USE_CANDIDATE=None))
    position = data.draw(st.integers(0, len(forged) - 9))
    if forged[position] == byte:
        return
    forged[position] = byte
    try:
        assert not read_check(bytes(forged)).shows(PASSWORD)
    except Malformed:
        return
