"""What patients answer from home as FHIR R4: valid, found by grant alone, each disclosure traced."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from telehealth.access.rules import DataKind
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.followups import service as tasks_of
from telehealth.followups.parts import TaskKind, Wish
from telehealth.monitoring import queries, service
from telehealth.monitoring.rules import Content, Response
from tests.exchange.conftest import Exchange, checked, found
from tests.kit.visits import Arranged
from tests.monitoring.pressure import CODE, RESOURCE

MRN = "urn:example:mrn|17"
LOINC = "http://loinc.org"
MORE: list[dict[str, Any]] = [
    {
        "linkId": "feeling",
        "type": "group",
        "text": "How are you?",
        "item": [
            {
                "linkId": "mood",
                "type": "choice",
                "text": "Today",
                "answerOption": [{"valueCoding": {"system": LOINC, "code": "LA-1", "display": "Well"}}],
            },
            {"linkId": "pill", "type": "choice", "text": "Pill", "answerOption": [{"valueString": "the blue one"}]},
            {"linkId": "weight", "type": "decimal", "text": "Weight"},
            {"linkId": "since", "type": "date", "text": "Since"},
            {"linkId": "more", "type": "text", "text": "Anything else?"},
        ],
    },
    {"linkId": "empty", "type": "group", "item": [{"linkId": "never", "type": "string", "text": "Never answered"}]},
]
SOME = {"systolic": "128", "diastolic": "82", "dizzy": "false"}
ALL = {**SOME, "mood": "LA-1", "pill": "the blue one", "weight": "70.5", "since": "2026-03-01", "more": "Ölbad, 血圧"}


async def answered(exchange: Exchange, arranged: Arranged, answers: dict[str, str]) -> Response:
    """Asked and answered by the patient of that visit."""

    async def act(unit: Unit) -> Response:
        if not await queries.codes(unit):
            resource = {**RESOURCE, "item": [*RESOURCE["item"], *MORE]}
            await service.publish(unit, CODE, Content(resource=resource), version=0)
        wish = Wish(kind=TaskKind.QUESTIONNAIRE, questionnaire=CODE)
        (task,) = await tasks_of.plan(unit, arranged.visit_id, wish)
        await service.ask(unit, task.id)
        request = await queries.request_for(unit, task.id)
        assert request is not None
        patient = Actor(None, Role.PATIENT, person_id=arranged.patient_id, visit_id=arranged.visit_id)
        await service.answer(replace(unit, actor=patient), request.id, answers)
        return (await queries.responses(unit, [request.id]))[request.id]

    return await exchange.unit_of_work.run(act, SYSTEM)


async def test_answers_and_their_questions_are_valid_r4(exchange: Exchange) -> None:
    arranged = await exchange.visit(identifier=MRN)
    kept = await answered(exchange, arranged, ALL)
    await exchange.permit(DataKind.ANSWERS)
    (only,) = found(await exchange.client.get("/fhir/QuestionnaireResponse"))
    assert only == str(kept.id)
    answer = await exchange.client.get(f"/fhir/QuestionnaireResponse/{only}")
    resource = checked(answer)
    assert (resource["status"], resource["subject"]["identifier"]["value"]) == ("completed", "17")
    assert resource["encounter"] == {"reference": f"Encounter/{arranged.visit_id}"}
    assert resource["authored"] == resource["meta"]["lastUpdated"] == "2026-03-02T09:00:00.000Z"
    items = {each["linkId"]: each for each in resource["item"]}
    assert items["systolic"]["answer"] == [{"valueInteger": 128}]
    assert (items["dizzy"]["answer"], "empty" in items) == ([{"valueBoolean": False}], False)
    inner = {each["linkId"]: each["answer"][0] for each in items["feeling"]["item"]}
    assert inner == {
        "mood": {"valueCoding": {"system": LOINC, "code": "LA-1", "display": "Well"}},
        "pill": {"valueString": "the blue one"},
        "weight": {"valueDecimal": 70.5},
        "since": {"valueDate": "2026-03-01"},
        "more": {"valueString": "Ölbad, 血圧"},
    }
    for private in ("Ada", "1980", "/questions/"):
        assert private not in answer.text
    (form,) = checked(await exchange.client.get("/fhir/Questionnaire"))["entry"]
    asked = checked(await exchange.client.get(f"/fhir/Questionnaire/{form['resource']['id']}"))
    assert f"{asked['url']}|{asked['version']}" == resource["questionnaire"]
    assert (asked["status"], asked["identifier"][0]["value"]) == ("active", CODE)


async def test_searches_narrow_and_page(exchange: Exchange, clock: FixedClock) -> None:
    here, there = await exchange.visit(identifier=MRN), await exchange.visit()
    one = str((await answered(exchange, here, SOME)).id)
    clock.advance(timedelta(days=1))
    two, three = [str((await answered(exchange, there, SOME)).id) for _ in range(2)]
    await exchange.permit(DataKind.ANSWERS)

    async def ask(query: str) -> list[str]:
        return found(await exchange.client.get(f"/fhir/QuestionnaireResponse?{query}"))

    assert await ask(f"patient={here.patient_id}") == await ask(f"patient:identifier={MRN}") == [one]
    assert await ask("authored=2026-03-02") == await ask("_lastUpdated=lt2026-03-03") == [one]
    assert set(await ask("authored=ge2026-03-03&status=completed")) == {two, three}
    assert await ask("status=in-progress") == []
    page = checked(await exchange.client.get("/fhir/QuestionnaireResponse?_count=2"))
    (following,) = (each["url"] for each in page["link"] if each["relation"] == "next")
    left = await ask(following.partition("?")[2])
    assert sorted([*(each["resource"]["id"] for each in page["entry"]), *left]) == sorted([one, two, three])


async def test_of_questions_every_version_is_read(exchange: Exchange) -> None:
    await answered(exchange, await exchange.visit(), SOME)
    run = exchange.unit_of_work.run
    await run(service.publish, SYSTEM, CODE, Content(resource=RESOURCE), version=1)
    every = found(await exchange.client.get("/fhir/Questionnaire"))
    active, retired = [
        found(await exchange.client.get(f"/fhir/Questionnaire?status={each}")) for each in ("active", "retired")
    ]
    assert (len(every), sorted(active + retired)) == (2, sorted(every))
    assert found(await exchange.client.get(f"/fhir/Questionnaire?_id={active[0]}")) == active
    page = checked(await exchange.client.get("/fhir/Questionnaire?_count=1"))
    (following,) = (each["url"] for each in page["link"] if each["relation"] == "next")
    assert found(await exchange.client.get(following)) == every[1:]


async def test_without_a_grant_nothing_is_read_and_with_one_each_reading_is_traced(exchange: Exchange) -> None:
    here, there = await exchange.visit(), await exchange.visit()
    mine, theirs = await answered(exchange, here, SOME), await answered(exchange, there, SOME)
    await exchange.permit(DataKind.TASKS)
    checked(await exchange.client.get(f"/fhir/QuestionnaireResponse/{mine.id}"), 403)
    await exchange.permit(DataKind.ANSWERS, patients=frozenset({here.patient_id}))
    assert found(await exchange.client.get("/fhir/QuestionnaireResponse")) == [str(mine.id)]
    checked(await exchange.client.get(f"/fhir/QuestionnaireResponse/{theirs.id}"), 404)
    traced = [each for each in await exchange.traces() if each[1] == "questionnaire_response"]
    assert traced == [("read", "questionnaire_response", "HPAYMT", "ok")]


async def test_what_was_asked_for_its_own_sake_is_given_to_nobody(exchange: Exchange) -> None:
    """How a visit was: patients were told that who treats them reads what they say."""
    arranged = await exchange.visit(identifier=MRN)
    kept = await answered(exchange, arranged, ALL)

    async def alone(unit: Unit) -> None:
        request = await service.ask_alone(unit, arranged.visit_id, CODE, at=unit.now, until=unit.now + timedelta(1))
        patient = Actor(None, Role.PATIENT, person_id=arranged.patient_id, visit_id=arranged.visit_id)
        await service.answer(replace(unit, actor=patient), request.id, SOME)

    await exchange.unit_of_work.run(alone, SYSTEM)
    await exchange.permit(DataKind.ANSWERS)
    assert found(await exchange.client.get("/fhir/QuestionnaireResponse")) == [str(kept.id)]
