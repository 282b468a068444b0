"""How far a note has come, as its author sees it."""

from enum import StrEnum
from typing import assert_never

from telehealth.records.delivery.rules import DeliveryState
from telehealth.records.notes.rules import NoteState


class NoteStatus(StrEnum):
    """A note as its author sees it. `waiting`: the record service is away and it is tried again by itself."""

    DRAFT = "draft"
    DELIVERING = "delivering"
    WAITING = "waiting"
    DELIVERED = "delivered"
    HELD = "held"
    DEAD = "dead"


def note_status(state: NoteState, delivery: DeliveryState | None, attempt: int) -> NoteStatus:
    """`attempt` counts the tries begun."""
    if state is NoteState.DRAFT or delivery is None:
        return NoteStatus.DRAFT
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
