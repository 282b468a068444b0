from hypothesis import given
from hypothesis import strategies as st

from telehealth.records.charting.rules import NoteStatus, note_status
from telehealth.records.delivery.rules import DeliveryState
from telehealth.records.notes.rules import NoteState


@given(st.sampled_from(DeliveryState), st.integers(0, 100))
def test_only_a_delivered_note_is_shown_as_being_in_the_record(state: DeliveryState, attempt: int) -> None:
    shown = note_status(NoteState.SIGNED, state, attempt)
    assert shown is not NoteStatus.DRAFT
    assert (shown is NoteStatus.DELIVERED) == (state is DeliveryState.DELIVERED)
