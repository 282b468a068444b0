"""How far a note has come, as its author sees it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import assert_never

from telehealth.core.errors import Kind, Refusal
from telehealth.records.delivery.rules import DeliveryState
from telehealth.records.notes.rules import NoteState


class NoteRetracted(Refusal):
    kind, slug, title = Kind.GONE, "note-retracted", "The note was entered in error and has been retracted"


class NoteStatus(StrEnum):
    """A note as its author sees it. `preliminary`: it awaits a co-signature. `waiting`: the record service is away and
    it is tried again by itself.
    """

    DRAFT = "draft"
    PRELIMINARY = "preliminary"
    DELIVERING = "delivering"
    WAITING = "waiting"
    DELIVERED = "delivered"
    HELD = "held"
    DEAD = "dead"


def note_status(state: NoteState, deliveries: Sequence[tuple[DeliveryState, int]]) -> NoteStatus:
    """Of each destination the state and the tries begun: the note is as far as where it is furthest behind."""
    if state is NoteState.PRELIMINARY:
        return NoteStatus.PRELIMINARY
    if state is NoteState.DRAFT or not deliveries:
        return NoteStatus.DRAFT
    return max((_status(*each) for each in deliveries), key=BEHIND.index)


BEHIND = (NoteStatus.DELIVERED, NoteStatus.DELIVERING, NoteStatus.WAITING, NoteStatus.HELD, NoteStatus.DEAD)


def _status(delivery: DeliveryState, attempt: int) -> NoteStatus:
    match delivery:
        case DeliveryState.SENDING:
            return NoteStatus.DELIVERING if attempt <= 1 else NoteStatus.WAITING
        case DeliveryState.PENDING | DeliveryState.VERIFYING:
            return NoteStatus.DELIVERING if attempt == 0 else NoteStatus.WAITING
        case DeliveryState.DELIVERED:
            return NoteStatus.DELIVERED
        case DeliveryState.HELD:
            return NoteStatus.HELD
        case DeliveryState.DEAD:
            return NoteStatus.DEAD
        case _:
            assert_never(delivery)
