from hypothesis import given
from hypothesis import strategies as st

from telehealth.records.charting.rules import NoteStatus, note_status
from telehealth.records.delivery.rules import DeliveryState
from telehealth.records.notes.rules import NoteState

ways = st.tuples(st.sampled_from(DeliveryState), st.integers(0, 100))


@given(st.lists(ways, min_size=1, max_size=4))
def test_only_what_arrived_everywhere_is_shown_as_being_in_the_record(
    deliveries: list[tuple[DeliveryState, int]],
) -> None:
    shown = note_status(NoteState.SIGNED, deliveries)
    assert shown is not NoteStatus.DRAFT
    arrived = all(state is DeliveryState.DELIVERED for state, _ in deliveries)
    assert (shown is NoteStatus.DELIVERED) == arrived


@given(st.lists(ways, max_size=4))
def test_what_a_person_has_to_see_is_not_hidden_by_another_destination(
    deliveries: list[tuple[DeliveryState, int]],
) -> None:
    shown = note_status(NoteState.SIGNED, [*deliveries, (DeliveryState.HELD, 1)])
    assert shown in (NoteStatus.HELD, NoteStatus.DEAD)
