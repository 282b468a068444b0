"""One walk through every operation of the house. What a check does not hold for is named here, with its reason."""

import re
from asyncio import gather
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from telehealth.catalogue import read_catalogue
from telehealth.core.actors import SYSTEM, Role
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit
from telehealth.http import house
from telehealth.http.operation import Face, Operation, Public
from tests.kit import knocking
from tests.kit.house import Residents, Street
from tests.kit.strange import EXTREMES, FORM_TYPE, JSON_TYPE, strange

OPERATIONS = (*house.OPERATIONS, *read_catalogue().operations)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MARKER = "zq7marker"


class Check(StrEnum):
    ANONYMOUS = "without a credential 401"
    SCOPE = "with the wrong scope 403"
    STRANGER = "another's object is the same 404 as none"
    EMPTY = "an empty body is 400 or 422"
    METHOD = "another method is 405 with the right Allow"
    ECHO = "a rejected value is not repeated"
    EXTREME = "no value is too strange to be answered"
    TRACE = "reading leaves an audit row about the patient, and shows nobody else's data"


PUBLISHES = ("bulk_publish", "published_locations", "published_schedules", "published_slots")
PUBLISHED = "free times without names, when the clinic publishes them to everyone"
LINK = "the personal link is the credential"
IDENTIFY = ("identify_by_name", "identify", "identify_waiting")
BY_MAIL = ("unsubscribe", "unsubscribe_at_once", "subscribe_again")
PUBLIC_DOORS: Mapping[str, str] = {
    "http.healthz": "the process supervisor has no credential",
    "http.readyz": "the process supervisor has no credential",
    "http.openapi_document": "the API's description holds nobody's data",
    "http.problem_type": "what a problem means is the same for everyone",
    "records.metrics": "asks for the token of the settings, which is no credential of a person",
    "access.open_session": "this is where one gets a credential",
    "access.token": "this is where an integration gets a credential",
    "access.smart_configuration": "discovery comes before the credential (SMART App Launch 2.2, section 8.1)",
    "access.fhir_smart_configuration": "discovery comes before the credential (SMART App Launch 2.2, section 8.1)",
    "access.sign_in_page": "this is where one gets a credential",
    "access.submit_sign_in": "this is where one gets a credential",
    "access.submit_sign_out": "an ended session may be ended again",
    "visits.read_lifecycle": "the machine of visits holds nobody's data",
    "visits.draw_lifecycle": "the machine of visits holds nobody's data",
    "visits.front_door": "sends everyone on to a page that asks",
    "visits.offered": "the personal link of an offer is the credential, and opening it answers nothing",
    "visits.answer": "the personal link of an offer is the credential, and the identity step comes first",
    **dict.fromkeys(("visits.join_by_name", "visits.join", "visits.wait"), f"{LINK}, and the identity step follows"),
    **{f"visits.{name}": f"{LINK}, and this is the identity step" for name in IDENTIFY},
    "monitoring.questions_link": f"{LINK}, and the identity step follows",
    "monitoring.identify_asked": f"{LINK}, and this is the identity step",
    "exchange.subscribe": "the secret address is the credential, and what it shows names no patient",
    "video.poll_signalling": "a ticket is the credential, as at the socket",
    **knocking.OVER_HTTP,
    **{f"notifications.{name}": "the link is the credential: whoever has it has the mail" for name in BY_MAIL},
    **{f"notifications.text_back{by}": "the gateway signs what it brings" for by in ("", "_by_twilio")},
    **dict.fromkeys(("video.open_check", "video.list_open_ice_servers", "video.test_page"), "before there is a visit"),
    "visits.invitation": "the link is the credential, and the identity step follows",
    "visits.identify_invited": "the link is the credential, and this is the identity step",
    "visits.invited_times": "its own cookie, given by the identity step, is the credential",
    "visits.choose_invited": "its own cookie, given by the identity step, is the credential",
    "exchange.metadata": "a CapabilityStatement is read before signing in (FHIR R4, section 2.21)",
    **{f"exchange.{name}": PUBLISHED for name in PUBLISHES},
}
_QUEUED = ("read_queue_entry", "leave_queue", "drop_from_queue", "return_to_queue")
OF_THE_QUEUE = (*_QUEUED, "say_to_queued", "tell_queued", "take_off_queue")
TOGETHER = "all staff serve the queue together"
HAS_A_VISIT = "whose page this walk has, has a visit and no place in the queue any more"
OFFICE = "an admin answers for the resources of the whole house"
_OF_QUESTIONS = ("read_questionnaire", "publish_questionnaire", "retire_questionnaire", "retire_consent_text")
OF_THE_OFFICE = (*_OF_QUESTIONS, "retire_on_page", "questionnaire_page", "save_on_page", "retire_questions_on_page")
HOURS = "all staff see when a clinician works"
NO_PATIENT = "when somebody works is no patient's data"
TYPED = ("register", "identify", "identify_by_name", "invite_companion", "invite_on_page")
LISTED = ("calendars", "calendar_alerts", "holiday_calendars", "overrides")
VERBS = (("search", "s"), ("read", ""))
OF_PATHWAYS = ("list_pathways", "read_pathway", "list_pathway_versions", "pathways_page", "pathway_page")
OF_TEXTS = ("list_texts", "read_text", "list_text_versions", "texts_page", "text_page")
QUESTIONS = "questions are no patient's data, answers are"
OF_FORMS = ("list_forms", "read_form", "list_form_versions", "forms_page", "form_page")
OF_CLINICIANS = ("licences", "supervisors")
NO_TRAINEE = "this house has no trainee; its own tests look at what reading what one signed leaves"
NODELESS = "503 without a media node; test_openapi asks with one"
STORED = "this house has nowhere to keep files; their own tests look at what reading one leaves"
TYPED_AGAIN = "the form is shown again with what was typed, to the person who typed it"
MESSAGES = "an admin answers for every message of the house, which tells nothing of a patient"
DELIVERIES = "an admin answers for every delivery of the house, which tells nothing of a patient"
OF_THE_DESK = "the front desk registers for every patient of the clinic"
EXEMPT: Mapping[tuple[str, Check], str] = {
    **{(f"records.{name}", Check.STRANGER): DELIVERIES for name in ("redrive_delivery", "redrive_on_page")},
    **{(f"records.{name}", Check.TRACE): DELIVERIES for name in ("list_deliveries", "deliveries_page")},
    **{(f"notifications.{name}", Check.STRANGER): MESSAGES for name in ("redrive_message", "redrive_message_on_page")},
    **{(f"notifications.{name}", Check.TRACE): MESSAGES for name in ("list_messages", "messages_page")},
    ("records.publish_template", Check.ECHO): TYPED_AGAIN,
    ("records.template_page", Check.TRACE): "what notes begin with is no patient's data",
    ("records.supervisors_page", Check.TRACE): "who co-signs for whom is no patient's data",
    ("records.name_supervisors", Check.ECHO): TYPED_AGAIN,
    ("scheduling.read_hours", Check.STRANGER): HOURS,
    **{(f"scheduling.list_{name}", Check.STRANGER): HOURS for name in ("overrides", "time_off", "travel")},
    ("scheduling.read_resource_hours", Check.STRANGER): HOURS,
    **{(f"scheduling.{verb}_resource", Check.STRANGER): OFFICE for verb in ("change", "retire")},
    ("scheduling.publish_resource_hours", Check.STRANGER): OFFICE,
    ("scheduling.put_resource_override", Check.STRANGER): OFFICE,
    ("scheduling.drop_resource_override", Check.STRANGER): OFFICE,
    ("scheduling.add_resource_time_off", Check.STRANGER): OFFICE,
    ("scheduling.remove_resource_time_off", Check.STRANGER): OFFICE,
    ("scheduling.replace_holiday_calendar", Check.STRANGER): OFFICE,
    ("scheduling.drop_holiday_calendar", Check.STRANGER): OFFICE,
    **{(f"people.read_{name}", Check.STRANGER): "all staff see what a clinician may do" for name in OF_CLINICIANS},
    **{(f"people.replace_{name}", Check.STRANGER): OFFICE for name in OF_CLINICIANS},
    ("people.read_locations", Check.STRANGER): "staff book for every patient of the clinic",
    ("people.replace_locations", Check.STRANGER): "staff book for every patient of the clinic",
    ("people.list_related_persons", Check.STRANGER): "staff book for every patient of the clinic",
    ("people.add_related_person", Check.STRANGER): OF_THE_DESK,
    ("people.set_contact", Check.STRANGER): OF_THE_DESK,
    ("people.end_related_person", Check.STRANGER): OF_THE_DESK,
    ("exchange.read_schedule", Check.STRANGER): "clinicians are nobody's, and their calendars show no patient",
    ("access.revoke_grant", Check.STRANGER): "an admin holds every grant of the house: there is no other's",
    ("visits.times", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.choose", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.choose_other", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.send_invitation", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.patients_visits", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.look_up", Check.ECHO): TYPED_AGAIN,
    ("visits.save_steps", Check.ECHO): TYPED_AGAIN,
    ("visits.wait_form", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.put_on_waitlist", Check.STRANGER): "staff book for every patient of the clinic",
    **{(f"visits.{name}", Check.STRANGER): TOGETHER for name in OF_THE_QUEUE},
    ("visits.put_in_queue", Check.STRANGER): "staff book for every patient of the clinic",
    ("visits.find_to_queue", Check.ECHO): TYPED_AGAIN,
    ("visits.identify_waiting", Check.ECHO): TYPED_AGAIN,
    ("visits.read_own_place", Check.TRACE): HAS_A_VISIT,
    ("visits.follow_own_place", Check.TRACE): HAS_A_VISIT,
    ("visits.queue_page", Check.TRACE): "nobody waits any more when this walk comes here; read_queue reads the same",
    ("visits.follow_queue", Check.TRACE): "says that the queue changed, never what: the queue itself is audited",
    ("access.close_session", Check.ECHO): "reads nothing but the cookie, and would sign this walk out",
    ("access.submit_sign_in", Check.ECHO): TYPED_AGAIN,
    ("scheduling.save_hours", Check.ECHO): TYPED_AGAIN,
    ("scheduling.save_day", Check.ECHO): TYPED_AGAIN,
    ("scheduling.save_away", Check.ECHO): TYPED_AGAIN,
    ("scheduling.save_trip", Check.ECHO): TYPED_AGAIN,
    ("visits.choose_other", Check.ECHO): TYPED_AGAIN,
    ("visits.identify_invited", Check.ECHO): TYPED_AGAIN,
    ("visits.found", Check.ECHO): TYPED_AGAIN,
    ("visits.find_to_wait", Check.ECHO): TYPED_AGAIN,
    ("visits.put_on_waitlist", Check.ECHO): TYPED_AGAIN,
    ("visits.answer", Check.ECHO): TYPED_AGAIN,
    **{(f"notifications.{verb}", Check.STRANGER): OF_THE_DESK for verb in ("contact_page", "save_contact")},
    ("notifications.save_contact", Check.ECHO): TYPED_AGAIN,
    **{(f"notifications.{name}", Check.ECHO): "as visits.offered" for name in BY_MAIL},
    ("visits.offered", Check.ECHO): "a page links to itself in other languages, and this one's address is anything",
    ("visits.acknowledge_on_page", Check.ECHO): "the same: a page that was not found links to itself",
    ("visits.read_escalation_rules", Check.TRACE): "who is told of an alert is no patient's data",
    ("visits.waive_on_page", Check.ECHO): "the same: a page that was not found links to itself",
    **{(f"visits.{name}", Check.ECHO): TYPED_AGAIN for name in TYPED},
    **{(name, Check.STRANGER): f"no 404: {why}" for name, why in knocking.OVER_HTTP.items()},
    **{("video.open_check", each): NODELESS for each in (Check.ECHO, Check.EXTREME)},
    ("video.precheck", Check.EXTREME): NODELESS,
    ("access.me", Check.TRACE): "one's own account, no patient's data",
    ("access.list_integrations", Check.TRACE): "holds no patient's data",
    ("access.list_grants", Check.TRACE): "names patients by id alone, to the admin who answers for the grants",
    **{(f"people.read_{name}", Check.TRACE): "no patient's data" for name in OF_CLINICIANS},
    **{(f"records.{name}", Check.TRACE): NO_TRAINEE for name in ("read_awaited", "cosign_page")},
    ("people.list_clinicians", Check.TRACE): "clinicians are no patients",
    ("exchange.find_appointments_by_query", Check.TRACE): "asks for dates first; without a patient it is about none",
    **{(f"exchange.{verb}_schedule{many}", Check.TRACE): NO_PATIENT for verb, many in VERBS},
    **{(f"exchange.{verb}_slot{many}", Check.TRACE): NO_PATIENT for verb, many in VERBS},
    ("scheduling.read_hours", Check.TRACE): NO_PATIENT,
    ("scheduling.read_calendar_feed", Check.TRACE): NO_PATIENT,
    **{(f"scheduling.list_{name}", Check.TRACE): NO_PATIENT for name in LISTED},
    ("scheduling.list_time_off", Check.TRACE): NO_PATIENT,
    ("scheduling.list_travel", Check.TRACE): NO_PATIENT,
    ("scheduling.read_resource_hours", Check.TRACE): NO_PATIENT,
    ("scheduling.list_resources", Check.TRACE): NO_PATIENT,
    ("scheduling.count_days", Check.TRACE): "asks for dates; of a patient's calendar it is traced as a search is",
    ("scheduling.read_visit_type", Check.TRACE): NO_PATIENT,
    ("visits.read_questionnaire", Check.TRACE): "questions are no patient's data, answers are",
    ("visits.escalation_page", Check.TRACE): "who is told of an alert is no patient's data",
    ("visits.administration", Check.TRACE): "what an admin may set is no patient's data",
    ("visits.list_consent_texts", Check.TRACE): "a text is no patient's data, agreeing to it is",
    **{(f"visits.{name}", Check.STRANGER): OFFICE for name in OF_THE_OFFICE},
    ("visits.texts_page", Check.TRACE): "a text is no patient's data, agreeing to it is",
    ("visits.publish_on_page", Check.ECHO): TYPED_AGAIN,
    ("visits.questionnaires_page", Check.TRACE): "questions are no patient's data, answers are",
    ("visits.questionnaire_page", Check.TRACE): "questions are no patient's data, answers are",
    ("visits.save_on_page", Check.ECHO): TYPED_AGAIN,
    ("visits.take_over_on_page", Check.STRANGER): "leads to the board, which says of all that somebody was quicker",
    ("visits.prepare", Check.TRACE): "a visit under way is prepared no more: the page sends on to it",
    ("scheduling.read_visit_type", Check.STRANGER): "all staff see what can be booked",
    ("scheduling.change_visit_type", Check.STRANGER): OFFICE,
    ("scheduling.retire_visit_type", Check.STRANGER): OFFICE,
    ("scheduling.list_visit_types", Check.TRACE): "kinds of visits are no patient's data",
    ("scheduling.hours_page", Check.TRACE): "names no patient but of visits outside the hours, each with its trace",
    **{(f"visits.{name}", Check.TRACE): "an empty form" for name in ("find", "front_desk")},
    **{(f"records.{name}", Check.TRACE): STORED for name in ("read_attachment", "read_own_file")},
    ("followups.follow_tasks", Check.TRACE): "says that a board of tasks changed, never what: the board is audited",
    **{(f"followups.{name}", Check.TRACE): "no patient's data" for name in ("read_triggers", "triggers_page")},
    **{(f"pathways.{name}", Check.TRACE): "what pathways there are is no patient's data" for name in OF_PATHWAYS},
    **{(f"pathways.{name}", Check.ECHO): "names the address: a code" for name in ("publish_pathway", "retire_pathway")},
    **{(f"pathways.{name}", Check.ECHO): TYPED_AGAIN for name in ("open_pathway", "save_pathway")},
    **{(f"notifications.{name}", Check.TRACE): "what messages say is no patient's data" for name in OF_TEXTS},
    **{(f"notifications.{name}_text", Check.ECHO): "names the address" for name in ("publish", "retire", "preview")},
    ("notifications.save_text", Check.ECHO): TYPED_AGAIN,
    ("notifications.text_page", Check.ECHO): "names the address",
    **{(f"monitoring.{name}", Check.TRACE): QUESTIONS for name in OF_FORMS},
    **{(f"monitoring.{name}", Check.ECHO): "names the address: a code" for name in ("publish_form", "retire_form")},
    **{(f"monitoring.{name}", Check.ECHO): TYPED_AGAIN for name in ("open_form", "save_form", "identify_asked")},
    **{(f"exchange.{verb}_questionnaire{many}", Check.TRACE): QUESTIONS for verb, many in VERBS},
    ("exchange.read_questionnaire", Check.STRANGER): "questions are nobody's",
    ("followups.claim", Check.STRANGER): "leads to the board, which says of all that somebody else has it",
    ("visits.follow_board", Check.TRACE): "says that the board changed, never what: the board itself is audited",
}


def applies(operation: Operation, check: Check) -> bool:
    match check:
        case Check.ANONYMOUS | Check.SCOPE:
            return not isinstance(operation.needs, Public)
        case Check.STRANGER:
            return "uuid" in operation.path_parameters.values()
        case Check.EMPTY:
            return operation.body is not None
        case Check.TRACE:
            return operation.method == "GET" and not isinstance(operation.needs, Public)
        case Check.EXTREME:
            return operation.body is not None or operation.query is not None or bool(operation.path_parameters)
        case Check.METHOD | Check.ECHO:
            return True


def checks_of(operation: Operation) -> list[Check]:
    return [check for check in Check if applies(operation, check) and (operation.name, check) not in EXEMPT]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
async def test_walk(street: Street, operation: Operation) -> None:
    for check in checks_of(operation):
        await WALK[check](street, operation)


@pytest.mark.soak
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
async def test_every_extreme(street: Street, operation: Operation) -> None:
    if Check.EXTREME in checks_of(operation):
        await _extreme(street, operation, one_in=1)


def test_exemptions_and_public_doors_name_what_exists() -> None:
    applicable = {(each.name, check) for each in OPERATIONS for check in Check if applies(each, check)}
    assert set(EXEMPT) <= applicable
    assert {each.name for each in OPERATIONS if isinstance(each.needs, Public)} == set(PUBLIC_DOORS)


async def knock(
    street: Street, operation: Operation, role: Role, values: Mapping[str, object], **options: Any
) -> httpx.Response:
    headers = {**knocking.HEADERS.get(operation.name, {}), **street.residents.credentials[role]}
    path = knocking.path_of(operation, values)
    return await street.client.request(operation.method, path, headers=headers | options.pop("headers", {}), **options)


def valid(street: Street, operation: Operation) -> dict[str, Any]:
    return knocking.sent(operation, knocking.body_of(operation, street.residents))


async def _anonymous(street: Street, operation: Operation) -> None:
    values = knocking.own_values(operation, street.residents)
    answer = await knock(street, operation, Role.ANONYMOUS, values, **valid(street, operation))
    if operation.face is Face.PAGE and operation.method == "GET":
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=")
        return
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def _scope(street: Street, operation: Operation) -> None:
    values, role = knocking.own_values(operation, street.residents), knocking.without_scope(operation)
    answer = await knock(street, operation, role, values, **valid(street, operation))
    assert answer.status_code == 403, answer.text


async def _stranger(street: Street, operation: Operation) -> None:
    role, options = knocking.acting(operation), valid(street, operation)
    theirs = knocking.others_values(operation, street.residents)
    nobodys = {**theirs, **knocking.unknown_values(operation)}
    found, absent = [await knock(street, operation, role, values, **options) for values in (theirs, nobodys)]
    assert found.status_code == absent.status_code == 404, (found.text, absent.text)
    if operation.face is Face.PAGE:  # a page shows its request id, and links to itself in other languages
        assert _plain(found, theirs) == _plain(absent, nobodys)
    else:
        assert found.content == absent.content
    changing = {"request-id"}
    assert [each for each in found.headers.items() if each[0] not in changing] == [
        each for each in absent.headers.items() if each[0] not in changing
    ]


def _plain(answer: httpx.Response, values: Mapping[str, object]) -> str:
    text = answer.text.replace(answer.headers["request-id"], "")
    return re.sub("|".join(re.escape(str(value)) for value in values.values()), "", text)


async def _empty(street: Street, operation: Operation) -> None:
    values, role = knocking.own_values(operation, street.residents), knocking.acting(operation)
    options: dict[str, Any] = {"json": {}}
    if operation.form:
        options = {"content": b"", "headers": {"Content-Type": FORM_TYPE}}
    answer = await knock(street, operation, role, values, **options)
    assert answer.status_code in (400, 422), answer.text


async def _method(street: Street, operation: Operation) -> None:
    allowed = {each.method for each in OPERATIONS if each.path == operation.path}
    allowed |= {"HEAD"} if "GET" in allowed else set()
    path = knocking.path_of(operation, knocking.own_values(operation, street.residents))
    for method in METHODS:
        if method not in allowed:
            answer = await street.client.request(method, path)
            assert answer.status_code == 405, method
            assert set(answer.headers["allow"].split(", ")) == allowed


async def _echo(street: Street, operation: Operation) -> None:
    for values, options in _marked(operation, street.residents):
        answer = await knock(street, operation, knocking.acting(operation), values, **options)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            told = answer.text + "".join(f"{name}: {value}" for name, value in answer.headers.items())
            assert MARKER not in told, options


def _marked(operation: Operation, residents: Residents) -> Iterator[tuple[Mapping[str, object], dict[str, Any]]]:
    """The marker in each place of a request, one at a time. Ids are unknown ones, so that nothing is changed."""
    unknown, body = knocking.unknown_values(operation), knocking.body_of(operation, residents)
    options = knocking.sent(operation, body)
    for name in unknown:
        yield {**unknown, name: MARKER}, options
    for name in ("unknown", *(operation.query.model_json_schema()["properties"] if operation.query else ())):
        yield unknown, {**options, "params": {name: MARKER}}
    yield unknown, {**options, "headers": {"If-Match": f'"{MARKER}"', "Idempotency-Key": MARKER * 50}}
    if body is not None:
        for name in ("unknown", *body):
            yield unknown, knocking.sent(operation, {**body, name: MARKER})
            yield unknown, knocking.sent(operation, {**body, name: [{"unknown": MARKER}]})
        yield unknown, {"content": f'"{MARKER}'.encode(), "headers": {"Content-Type": JSON_TYPE}}
        yield unknown, {"content": MARKER.encode(), "headers": {"Content-Type": f"text/{MARKER}"}}


async def _extreme(street: Street, operation: Operation, *, one_in: int = 6) -> None:
    """Each value in one of so many places, in the long run in each of them. Own ids where there are ids: what is
    refused before loading has met nothing yet.
    """
    role, own = knocking.acting(operation), knocking.own_values(operation, street.residents)
    body = knocking.body_of(operation, street.residents)
    for turn, value in enumerate(EXTREMES):
        asked = list(islice(strange(operation, own, body, value), turn % one_in, None, one_in))
        answers = await gather(*(knock(street, operation, role, values, **options) for values, options in asked))
        for (_, options), answer in zip(asked, answers, strict=True):
            assert answer.status_code < 500, (value, options, answer.text)


async def _trace(street: Street, operation: Operation) -> None:
    residents, role = street.residents, knocking.acting(operation)
    before = await street.unit_of_work.run(_about, SYSTEM, residents)
    answer = await knock(street, operation, role, knocking.own_values(operation, residents))
    assert answer.status_code == 200, answer.text
    assert await street.unit_of_work.run(_about, SYSTEM, residents) > before, "no audit row about the patient"
    theirs = residents.other
    for identifier in (theirs.visit, theirs.patient.id, theirs.note, theirs.task):
        assert str(identifier) not in answer.text


async def _about(unit: Unit, residents: Residents) -> int:
    """How many successful uses of the patient's data were noted."""
    counted = select(func.count()).where(AuditRow.patient_id == residents.own.patient.id, AuditRow.outcome == "ok")
    return (await unit.session.execute(counted)).scalar_one()


WALK = {
    Check.ANONYMOUS: _anonymous,
    Check.SCOPE: _scope,
    Check.STRANGER: _stranger,
    Check.EMPTY: _empty,
    Check.METHOD: _method,
    Check.ECHO: _echo,
    Check.EXTREME: _extreme,
    Check.TRACE: _trace,
}
