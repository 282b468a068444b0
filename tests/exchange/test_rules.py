"""The projection covers every state; dates mean what FHIR says they mean."""

from datetime import UTC, datetime

import pytest

from telehealth.exchange.rules import Span, UnfitSearch, parse_dates, parse_ids, parse_patient, statuses_of
from telehealth.records.delivery.statuses import APPOINTMENT_STATUS, CANCELLATION, ENCOUNTER_STATUS
from telehealth.visits.lifecycle.rules import VisitStatus

# Value sets of R4: AppointmentStatus and EncounterStatus.
APPOINTMENT_CODES = [
    "proposed",
    "pending",
    "booked",
    "arrived",
    "fulfilled",
    "cancelled",
    "noshow",
    "entered-in-error",
    "checked-in",
    "waitlist",
]
ENCOUNTER_CODES = [
    "planned",
    "arrived",
    "triaged",
    "in-progress",
    "onleave",
    "finished",
    "cancelled",
    "entered-in-error",
    "unknown",
]
NEVER_SEEN = {VisitStatus.REQUESTED, VisitStatus.HELD, VisitStatus.BOOKED, VisitStatus.EXPIRED, VisitStatus.CANCELLED}


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def test_every_state_has_an_appointment_status() -> None:
    assert set(APPOINTMENT_STATUS) == set(VisitStatus)
    assert set(APPOINTMENT_STATUS.values()) <= set(APPOINTMENT_CODES)


def test_an_encounter_is_every_visit_that_got_so_far() -> None:
    assert set(VisitStatus) - set(ENCOUNTER_STATUS) == NEVER_SEEN
    assert set(ENCOUNTER_STATUS.values()) <= set(ENCOUNTER_CODES)


def test_a_reason_stands_only_with_a_cancelled_appointment() -> None:
    assert {APPOINTMENT_STATUS[status] for status in CANCELLATION} == {"cancelled"}


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", at(2026, 1, 1), at(2027, 1, 1)),
        ("2026-12", at(2026, 12, 1), at(2027, 1, 1)),
        ("2026-03-02", at(2026, 3, 2), at(2026, 3, 3)),
        ("2026-03-02T09:00", at(2026, 3, 2, 9), at(2026, 3, 2, 9, 1)),
        ("2026-03-02T09:00:00Z", at(2026, 3, 2, 9), at(2026, 3, 2, 9, 0, 1)),
        ("2026-03-02T09:00:00+02:00", at(2026, 3, 2, 7), at(2026, 3, 2, 7, 0, 1)),
    ],
)
def test_a_date_means_the_whole_of_what_it_names(text: str, start: datetime, end: datetime) -> None:
    assert parse_dates([text]) == parse_dates([f"eq{text}"]) == Span(start, end)
    assert parse_dates([f"ge{text}"]) == Span(start, None)
    assert parse_dates([f"gt{text}"]) == Span(end, None)
    assert parse_dates([f"le{text}"]) == Span(None, end)
    assert parse_dates([f"lt{text}"]) == Span(None, start)


def test_several_dates_hold_together() -> None:
    assert parse_dates(["ge2026-03", "lt2026-03-15", "le2026"]) == Span(at(2026, 3, 1), at(2026, 3, 15))
    assert parse_dates([]) == Span()


@pytest.mark.parametrize(
    "text",
    ["", "today", "ne2026", "sa2026", "2026-13", "2026-02-30", "2026-3-2", "ge", "0000", "9999", "2026-03-02T25:00"],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(UnfitSearch):
        parse_dates([text])


def test_ids_that_cannot_be_ours_match_nothing() -> None:
    known = "0195bb2e-7c00-7000-8000-000000000001"
    assert {str(each) for each in parse_ids(f"{known},x,{known.upper()},")} == {known} - {""}
    assert parse_patient("Practitioner/" + known) is None
    assert str(parse_patient("Patient/" + known)) == str(parse_patient(known)) == known


def test_codes_lead_back_to_states() -> None:
    assert statuses_of("checked-in", APPOINTMENT_STATUS) == {
        VisitStatus.READY,
        VisitStatus.ADMITTING,
        VisitStatus.IN_PROGRESS,
        VisitStatus.INTERRUPTED,
    }
    assert statuses_of("http://hl7.org/fhir/encounter-status|finished", ENCOUNTER_STATUS) == {
        VisitStatus.ENDED,
        VisitStatus.COMPLETED,
    }
    assert statuses_of("nonsense", APPOINTMENT_STATUS) == frozenset()
