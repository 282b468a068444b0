"""Visits as Encounter and Appointment: valid FHIR R4 however they stand, and told no more than once."""

from dataclasses import replace

import pytest

from telehealth.records.delivery.documents import References, document_reference, provenance
from telehealth.records.delivery.profiles import PROFILES, ResourceType, WriteBack
from telehealth.records.delivery.rules import Identifier
from telehealth.records.delivery.statuses import to_be_written
from telehealth.records.delivery.visit_resources import is_of, updated, visit_resource
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.notes import a_document, a_visit
from tests.kit.r4 import faults

PATIENT = Identifier("urn:example:mrn", "17")
OF_VISITS = (ResourceType.ENCOUNTER, ResourceType.APPOINTMENT)
BOTH = pytest.mark.parametrize("resource_type", OF_VISITS)


@BOTH
@pytest.mark.parametrize("status", VisitStatus)
def test_every_way_a_visit_may_stand_is_valid(resource_type: ResourceType, status: VisitStatus) -> None:
    for visit in (
        a_visit(PATIENT, resource_type, status),
        a_visit(PATIENT, resource_type, status, in_media=None),
    ):
        assert faults(visit_resource(visit, patient="Patient/17")) == []
        assert faults(visit_resource(visit, patient="Patient/17", clinician="Practitioner/3")) == []


def test_what_goes_with_a_note_is_valid() -> None:
    document = a_document(PATIENT)
    for references in (References("Patient/17"), References("Patient/17", "Practitioner/3", "Encounter/4")):
        assert faults(document_reference(document, references)) == []
    assert faults(provenance(document, "9")) == []


@BOTH
def test_planted_defects_are_found(resource_type: ResourceType) -> None:
    resource = visit_resource(a_visit(PATIENT, resource_type), patient="Patient/17")
    time = "period" if resource_type is ResourceType.ENCOUNTER else "start"
    wrong = {"start": "yesterday"} if time == "period" else "yesterday"
    for planted in ({"status": "noshown"}, {"nonsense": 1}, {time: wrong}, {"identifier": {"value": "1"}}):
        assert faults(resource | planted) != []
    assert faults({name: value for name, value in resource.items() if name != "status"}) != []


@BOTH
def test_what_is_there_already_is_not_written_again(resource_type: ResourceType) -> None:
    visit = a_visit(PATIENT, resource_type)
    there = visit_resource(visit, patient="Patient/17") | {"id": "1", "meta": {"versionId": "1"}, "language": "fr"}
    assert updated(there, visit) is None
    later = updated(there, replace(visit, status=VisitStatus.LEFT_UNSEEN))
    assert later is not None
    assert (later["status"], later["language"], later["id"]) == ("cancelled", "fr", "1")


def test_a_reason_goes_with_the_cancellation_that_it_was_of() -> None:
    visit = a_visit(PATIENT, ResourceType.APPOINTMENT, VisitStatus.PROVIDER_NO_SHOW)
    there = visit_resource(visit, patient="Patient/17")
    assert "cancelationReason" in there
    corrected = updated(there, replace(visit, status=VisitStatus.BOOKED))
    assert corrected is not None
    assert (corrected["status"], "cancelationReason" in corrected) == ("booked", False)
    assert faults(corrected) == []


@BOTH
def test_it_is_of_the_patient_it_names_and_of_nobody_else(resource_type: ResourceType) -> None:
    resource = visit_resource(a_visit(PATIENT, resource_type), patient="Patient/17")
    assert is_of(resource, "Patient/17")
    assert not is_of(resource, "Patient/7")
    assert not is_of({"resourceType": resource_type.value}, "Patient/17")


def test_what_never_was_an_encounter_is_none_and_what_is_known_there_is_kept_up() -> None:
    assert not to_be_written(ResourceType.ENCOUNTER, VisitStatus.CANCELLED, already=False)
    assert to_be_written(ResourceType.ENCOUNTER, VisitStatus.CANCELLED, already=True)
    assert not to_be_written(ResourceType.APPOINTMENT, VisitStatus.IN_PROGRESS, already=False)


def test_each_profile_says_what_it_takes_of_visits() -> None:
    taken = {name: [each.writes(kind).value for kind in OF_VISITS] for name, each in PROFILES.items()}
    assert taken == {
        "us-core-9": ["nothing", "nothing"],
        "generic-r4": ["whole", "whole"],
        "millennium-r4": ["nothing", "status"],
        "google": ["whole", "whole"],
        "azure": ["whole", "whole"],
    }
    for profile in PROFILES.values():
        for kind in OF_VISITS:
            assert (f"system/{kind}.cru" in profile.scopes) == (profile.writes(kind) is WriteBack.WHOLE)
