"""The vault: what is sealed opens only where it was sealed, with a key of the ring."""

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.db.vault import SealBroken, Vault, parse_key_ring

PLACE = ("note", "content", UUID(int=1))
OLD, NEW = b"o" * 32, b"n" * 32


@given(st.text())
def test_what_is_sealed_opens(written: str) -> None:
    vault = Vault({"k1": NEW})
    sealed = vault.seal(PLACE, written)
    assert vault.open(PLACE, sealed) == written
    assert sealed != vault.seal(PLACE, written)


@pytest.mark.parametrize(
    "elsewhere",
    [("note", "content", UUID(int=2)), ("note", "title", UUID(int=1)), ("task", "content", UUID(int=1))],
)
def test_a_seal_holds_for_one_place_only(elsewhere: tuple[str, str, UUID]) -> None:
    vault = Vault({"k1": NEW})
    with pytest.raises(SealBroken):
        vault.open(elsewhere, vault.seal(PLACE, "text"))


def test_every_key_of_the_ring_opens_and_the_first_seals() -> None:
    sealed = Vault({"k0": OLD}).seal(PLACE, "text")
    rotated = Vault({"k1": NEW, "k0": OLD})
    assert rotated.open(PLACE, sealed) == "text"
    with pytest.raises(SealBroken):
        Vault({"k1": NEW}).open(PLACE, sealed)
    with pytest.raises(SealBroken):
        Vault({"k0": OLD}).open(PLACE, rotated.seal(PLACE, "text"))


@given(st.data())
def test_a_changed_byte_breaks_the_seal(data: st.DataObject) -> None:
    vault = Vault({"k1": NEW})
    sealed = bytearray(vault.seal(PLACE, "some words"))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SealBroken):
        vault.open(PLACE, bytes(sealed))


def test_a_key_ring_is_read_and_its_faults_are_told_without_the_key() -> None:
    encoded = base64.b64encode(NEW).decode()
    assert parse_key_ring(f"k1:{encoded}") == {"k1": NEW}
    for wrong in ("k1:???", "k1:" + base64.b64encode(b"short").decode()):
        with pytest.raises(ValueError, match="data key") as told:
            parse_key_ring(wrong)
        assert wrong.partition(":")[2] not in str(told.value)
