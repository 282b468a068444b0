"""Gates as pure decisions: which stand, which are closed, and which text a patient is asked to agree to."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.visits.gates.rules import (
    Concern,
    ConsentText,
    Found,
    Gate,
    GateState,
    closed_gates,
    standing_gates,
    text_in_force,
)

VIDEO, GROUP = UUID(int=1), UUID(int=2)
PUBLISHED = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
FOUND = st.builds(
    Found,
    consent_asked=st.booleans(),
    consented=st.booleans(),
    intake_asked=st.booleans(),
    intake_complete=st.booleans(),
    place_asked=st.booleans(),
    licensed=st.sampled_from([None, False, True]),
    devices_checked=st.booleans(),
    waived=st.frozensets(st.sampled_from(Gate)),
)
TEXTS = st.lists(
    st.builds(
        ConsentText,
        id=st.uuids(),
        visit_type_id=st.sampled_from([None, VIDEO, GROUP]),
        jurisdiction=st.sampled_from([None, "US", "US-CA", "DE"]),
        version=st.integers(1, 4),
        texts=st.just({"en": "We ask you."}),
        published_at=st.integers(0, 9).map(lambda hours: PUBLISHED + timedelta(hours=hours)),
        retired_at=st.sampled_from([None, None, PUBLISHED]),
    ),
    max_size=12,
)


def test_a_visit_nothing_is_asked_of_has_the_device_check_alone() -> None:
    assert [each.gate for each in standing_gates(Found())] == [Gate.DEVICES]
    assert closed_gates(standing_gates(Found(devices_checked=True))) == ()


@given(FOUND)
def test_a_gate_is_closed_when_its_thing_is_asked_not_done_and_not_waived(found: Found) -> None:
    asked = {
        Gate.CONSENT: (found.consent_asked, found.consented),
        Gate.INTAKE: (found.intake_asked, found.intake_complete),
        Gate.LOCATION: (found.place_asked, found.licensed is True),
        Gate.DEVICES: (True, found.devices_checked),
    }
    closed = {gate for gate, (needed, done) in asked.items() if needed and not done and gate not in found.waived}
    standings = standing_gates(found)
    assert set(closed_gates(standings)) == closed
    assert {each.gate for each in standings} == {gate for gate, (needed, _) in asked.items() if needed}
    assert [each.gate for each in standings] == sorted((each.gate for each in standings), key=list(Gate).index)


@given(FOUND)
def test_waiving_everything_opens_the_waiting_room(found: Found) -> None:
    everything = Found(**{name: getattr(found, name) for name in Found.__slots__} | {"waived": frozenset(Gate)})
    assert closed_gates(standing_gates(everything)) == ()
    done = {each.gate for each in standing_gates(found) if each.state is GateState.OPEN}
    assert {each.gate for each in standing_gates(everything) if each.state is GateState.OPEN} == done


@given(TEXTS, st.sampled_from([None, "US", "US-CA", "US-NV", "DE-BY", "FR"]))
def test_the_text_in_force_fits_and_none_fits_better(texts: list[ConsentText], jurisdiction: str | None) -> None:
    here = {None, jurisdiction, (jurisdiction or "").partition("-")[0]}
    fitting = [
        each
        for each in texts
        if each.retired_at is None and each.visit_type_id in (None, VIDEO) and each.jurisdiction in here
    ]
    found = text_in_force(texts, Concern(VIDEO, jurisdiction))
    assert (found in fitting) if fitting else (found is None)
    for other in fitting:
        assert found is not None
        assert len(other.jurisdiction or "") <= len(found.jurisdiction or "")
        if other.jurisdiction == found.jurisdiction:
            assert (other.visit_type_id is None) or (found.visit_type_id is not None)
            if other.visit_type_id == found.visit_type_id:
                assert other.published_at <= found.published_at


def test_what_the_patient_said_last_decides_where_they_are() -> None:
    assert Concern.of(VIDEO, None, "US-CA", "US-NV").jurisdiction == "US-CA"
    assert Concern.of(VIDEO, None, None).jurisdiction is None


@pytest.mark.parametrize(
    ("texts", "wanted", "language"),
    [
        ({"en": "a", "es": "b"}, "es", "es"),
        ({"en": "a", "es": "b"}, "ar", "en"),
        ({"fr": "a", "es": "b"}, "ar", "fr"),
    ],
)
def test_a_text_is_shown_in_a_language_there_is(texts: dict[str, str], wanted: str, language: str) -> None:
    text = ConsentText(id=VIDEO, visit_type_id=None, jurisdiction=None, version=1, texts=texts, published_at=PUBLISHED)
    assert text.in_language(wanted).language == language


def test_paragraphs_end_with_an_empty_line() -> None:
    written = "One\nstill one.\n\n\n\nTwo. \n"
    text = ConsentText(
        id=VIDEO, visit_type_id=None, jurisdiction=None, version=1, texts={"en": written}, published_at=PUBLISHED
    )
    assert text.in_language("en").paragraphs == ("One\nstill one.", "Two.")
