"""The description of the API is valid, and the house does what it says: schemathesis asks every operation of it."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx
import pytest
import schemathesis
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.generation.meta import CoveragePhaseData

from telehealth.catalogue import read_catalogue
from telehealth.core.actors import Role
from telehealth.http import house
from telehealth.http.operation import Face, Operation
from telehealth.http.sse import MEDIA_TYPE as EVENT_STREAM
from tests.kit.chosen_slots import slot_id
from tests.kit.database import Databases
from tests.kit.knocking import acting
from tests.kit.served import Served, serving_house

OPERATIONS = {
    each.name: each for each in (*house.OPERATIONS, *read_catalogue().operations) if each.face is not Face.PAGE
}
ENDLESS = {  # answered by a stream that ends after half an hour; the house under test is left after the first event
    "visits.follow_board",
    "visits.follow_visit",
    "visits.follow_visit_as_staff",
    "visits.follow_attendance",
    "visits.follow_queue",
    "visits.follow_own_place",
    "records.follow_room",
    "followups.follow_tasks",
}
ZONES_AND_ORDER = "what overlaps, ends before it starts, is in a zone that is not on the map or centuries away"
REPETITION = "the grammar of a recurrence rule is RFC 5545's, and it has a near end"
BEYOND_SHAPE: Mapping[str, str] = {  # what a schema cannot say: a well-formed request may still be refused there
    "access.token": "RFC 6749, section 5.2 answers 400 to what is missing, after reading any form",
    **{f"notifications.notify_{whom}": "a key is a point of P-256" for whom in ("patient", "clinician")},
    "visits.read_board": "JSON Schema has no first and last date",
    "people.find_patients": "JSON Schema has no first and last date",
    "people.replace_licences": "ISO 3166 is a list, and dates have an order",
    "people.replace_locations": "ISO 3166 is a list, and dates have an order",
    "visits.attest_location": "ISO 3166 is a list",
    "visits.move_visit": "ISO 3166 is a list",
    "video.open_check": "an offer is a text whose grammar is RFC 8866's",
    "video.precheck": "an offer is a text whose grammar is RFC 8866's",
    "video.poll_signalling": "the first poll says hello, and the ticket twice",
    "exchange.list_summaries": "a cursor is signed",
    "exchange.search_appointments": "the grammar of search is FHIR's",
    "exchange.search_encounters": "the grammar of search is FHIR's",
    "exchange.search_documents": "the grammar of search is FHIR's",
    "exchange.search_tasks": "the grammar of search is FHIR's",
    "exchange.search_responses": "the grammar of search is FHIR's",
    "exchange.search_questionnaires": "the grammar of search is FHIR's",
    "exchange.search_schedules": "the grammar of search is FHIR's",
    "exchange.search_slots": "the grammar of search is FHIR's",
    "exchange.find_appointments_by_query": "a dateTime is FHIR's",
    "exchange.find_appointments": "which parameters there are, and how often, is the guide's",
    "scheduling.publish_hours": ZONES_AND_ORDER,
    "scheduling.publish_resource_hours": ZONES_AND_ORDER,
    "scheduling.put_override": ZONES_AND_ORDER,
    "scheduling.put_resource_override": ZONES_AND_ORDER,
    "scheduling.set_travel": ZONES_AND_ORDER,
    "scheduling.replace_holiday_calendar": ZONES_AND_ORDER,
    "scheduling.change_entry": "a wish has an end, dates have an order and a century",
    "scheduling.search_slots": "a cursor is signed, dates have an order, zones are on the map",
    "scheduling.count_days": "dates have an order, zones are on the map",
    "scheduling.hold_time": "either an offer, which is signed, or a time",
    "scheduling.add_visit_type": "an offset lies within the grid",
    "scheduling.change_visit_type": "an offset lies within the grid",
    "visits.book_visit": "an offer, a hold or a time: one of them; an offer is signed",
    "visits.book_series": REPETITION,
    "visits.search_series": REPETITION,
    "visits.move_series": "a clock time is a day of the calendar",
    "visits.say_to_waiting": "a code or words, one of them",
    "visits.say_to_queued": "a code or words, one of them",
    "visits.publish_questionnaire": "what a Questionnaire is FHIR says, and what of it is asked, this house",
    "visits.publish_consent_text": "ISO 3166 is a list",
    "visits.set_escalation_rules": "the first step is the board at once, and the others come in the order of time",
    "visits.save_intake": "which answers there are the questions say",
    "followups.assign_follow_up": "who is given a task is there",
    "pathways.publish_pathway": "steps have an order, and a repetition an end",
    "notifications.publish_text": "which places a text has, and which words it has not, is data",
    "notifications.preview_text": "zones are on the map",
    "monitoring.publish_form": "what a Questionnaire is FHIR says, and thresholds are of its questions",
    "alerts.take_device_alert": "an alert was raised lately, and the same identifier is the same alert",
    "surveys.choose_survey": "questions that are named are there",
    "followups.plan_follow_up": "a questionnaire that is named is there",
    "followups.tick_item": "a checklist has an end",
    "records.sign_note": "a note that says nothing is not signed",
    "records.retract_note": "a reason is words",
    **{each.name: "a key that was used for another body" for each in OPERATIONS.values() if each.creates},
}
OF_A_SORT = 1
REFUSING = ["400", "401", "403", "404", "405", "406", "409", "410", "412", "413", "415", "422", "428", "429"]
PROPER = ["2xx", "3xx", "401", "403", "404", "409", "410", "412", "428", "429"]


class Kind(StrEnum):
    """Whose credential; one kind after the other, because what one does the next may find changed."""

    ANONYMOUS = "anonymous"
    PATIENT = "patient"
    GUEST = "guest"
    INTEGRATION = "integration"
    CLINICIAN = "clinician"
    FRONT_DESK = "front_desk"
    ADMIN = "admin"
    LEAVER = "leaver"


LEAVING = "access.close_session"
LASTING: Mapping[Kind, str] = {  # what each may still read when all is over: the run has not lost its credential
    Kind.ANONYMOUS: "/healthz",
    Kind.INTEGRATION: "/v1/summaries",
    Kind.CLINICIAN: "/v1/me",
    Kind.FRONT_DESK: "/v1/me",
    Kind.ADMIN: "/v1/me",
}


@pytest.fixture(scope="module")
def served(databases: Databases, valkey: str) -> Iterator[Served]:
    with databases.clone() as database, serving_house(database, valkey) as opened:
        yield opened


def kind_of(operation: Operation) -> Kind:
    return Kind.LEAVER if operation.name == LEAVING else Kind(acting(operation))


def test_the_document_is_valid_openapi(served: Served) -> None:
    document = served.document()
    assert document["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    described = {each["operationId"] for path in document["paths"].values() for each in path.values()}
    assert described == set(OPERATIONS)


def test_endless_answers_are_the_streams() -> None:
    streams = {name for name, each in OPERATIONS.items() if any(a.media_type == EVENT_STREAM for a in each.answers)}
    assert streams == ENDLESS


def names_of(kind: Kind) -> list[str]:
    return sorted(name for name, each in OPERATIONS.items() if kind_of(each) is kind)


def shares() -> Iterator[tuple[Kind, list[str]]]:
    """The operations of each, some twenty at a time."""
    for kind in Kind:
        names = names_of(kind)
        parts = max(1, round(len(names) / 20))
        for part in range(parts):
            yield kind, names[part::parts]


@pytest.mark.parametrize(("kind", "names"), [pytest.param(*each, id=f"{each[0]}-{each[1][0]}") for each in shares()])
def test_the_house_does_what_it_says(served: Served, kind: Kind, names: list[str]) -> None:
    """Every sort of boundary of every operation at every place, a case of each sort, and a few at random."""
    ask(served, kind, names, examples=2, of_a_sort=OF_A_SORT)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", Kind)
def test_the_house_does_what_it_says_at_length(served: Served, kind: Kind) -> None:
    ask(served, kind, names_of(kind), examples=300)


@dataclass
class Few:
    """Lets so many cases of a sort pass: the same rule broken or kept at the same place of the same operation."""

    most: int
    seen: Counter[object] = field(default_factory=Counter)

    def __call__(self, _context: object, case: schemathesis.Case[Any]) -> bool:
        data = case.meta.phase.data if case.meta is not None else None
        if not isinstance(data, CoveragePhaseData):
            return True
        sort = case.operation.label, data.scenario, data.parameter_location
        self.seen[sort] += 1
        return self.seen[sort] <= self.most


def ask(served: Served, kind: Kind, named: list[str], *, examples: int, of_a_sort: int = sys.maxsize) -> None:
    names = set(named)
    schema = schemathesis.openapi.from_dict(served.document(), config=_config(served, kind, names, examples))
    schema.hook("filter_case")(Few(of_a_sort))
    result = Result()
    for event in from_schema(schema).execute():
        result.hear(event)
    assert result.faults == []
    assert result.labels == {_label(OPERATIONS[name]) for name in names}
    if kind in LASTING:
        answer = httpx.get(served.url + LASTING[kind], headers=_headers(served, kind), timeout=60)
        assert answer.status_code == 200, "the credential was lost on the way: what came after it was only refused"


@dataclass
class Result:
    """What the run found; a fault is a check that failed, with the command that repeats it."""

    labels: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    cases: int = 0

    def hear(self, event: object) -> None:
        match event:
            case events.ScenarioFinished():
                self.labels.add(str(event.label))
                self.cases += len(event.recorder.cases)
                self.faults.extend(_faults(event))
            case events.NonFatalError() | events.FatalError():
                self.faults.append(repr(event))


def _faults(event: Any) -> Iterator[str]:
    for case, checks in event.recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                answer = event.recorder.interactions[case].response
                told = "" if answer is None else f"{answer.status_code} {answer.text}"
                failure = check.failure_info.failure
                yield f"{event.label}: {check.name}: {failure.message}\n{check.failure_info.code_sample}\n{told}"


def _label(operation: Operation) -> str:
    path = operation.path.replace(":uuid", "")
    return f"{operation.method} {path}"


def _headers(served: Served, kind: Kind) -> dict[str, str]:
    residents = served.residents
    return dict(residents.leaver if kind is Kind.LEAVER else residents.credentials[Role(kind)])


def _config(served: Served, kind: Kind, names: set[str], examples: int) -> SchemathesisConfig:
    known = _known(served)
    return SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "base-url": served.url,
            "headers": _headers(served, kind),
            "continue-on-failure": True,
            "max-stream-events": 1,
            "request-timeout": 120,
            "generation": {
                "deterministic": True,
                "max-examples": examples,
                "database": "none",
                "with-security-parameters": False,
                "allow-x00": False,  # test_every_operation sends NUL everywhere; no schema can say that it is refused
            },
            "phases": {"stateful": {"enabled": False}},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": PROPER},
                "negative_data_rejection": {"expected-statuses": REFUSING},
            },
            "operations": [
                {"include-operation-id": sorted(set(OPERATIONS) - names), "enabled": False},
                {
                    "include-operation-id": sorted(BEYOND_SHAPE),
                    "checks": {"positive_data_acceptance": {"enabled": False}},
                },
            ],
            "dictionaries": {name: {"values": values} for name, values in known.items()},
            "parameters": {name: {"dictionary": name, "probability": 0.7} for name in known},
        }
    )


def _known(served: Served) -> dict[str, list[str]]:
    """What is really there, so that not everything is absent."""
    residents = served.residents
    own, other = residents.own, residents.other
    found: dict[str, list[object]] = {
        "path.visit": [own.visit, other.visit],
        "path.appointment": [own.visit, other.visit],
        "path.encounter": [own.visit, other.visit],
        "path.document": [own.note, other.note],
        "path.composition": [own.note, other.note],
        "path.alert": [own.alert, other.alert],
        "path.device_alert": [own.device_alert, other.device_alert],
        "path.task": [own.task, other.task],
        "path.clinician": [own.clinician.id, other.clinician.id],
        "path.visit_type": [residents.visit_type.id],
        "path.grant": [residents.grant],
        "path.resource": [own.clinician.id],
        "path.calendar": [residents.calendar],
        "path.absence": [residents.absence],
        "path.text": [residents.text],
        "path.gate": ["consent", "intake"],
        "path.day": ["2030-03-05"],
        "path.schedule_id": [own.clinician.id, other.clinician.id],
        "path.slot_id": [slot_id(residents, days=8)],
        "path.slug": ["not-found", "stale"],
        "query.patient": [f"Patient/{own.patient.id}"],
        "query.visit": [own.visit],
        "header.If-Match": ['"1"', '"2"', "*"],
        "body.patient_id": [own.patient.id, other.patient.id],
        "body.clinician_id": [own.clinician.id],
        "body.visit_type_id": [residents.visit_type.id],
        "body.integration_id": [residents.integration],
        "body.birth_date": ["1947-06-05"],
    }
    return {name: [str(value) for value in values] for name, values in found.items()}
