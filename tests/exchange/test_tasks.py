"""Follow-up tasks as FHIR R4 Task: valid in every state, found by grant alone, each disclosure traced."""

from typing import Any

from telehealth.access.rules import DataKind
from telehealth.core.time import FixedClock
from telehealth.exchange.rules import TASK_STATUS
from telehealth.followups import service
from telehealth.followups.parts import Facing, FollowUp, Owner, Pool, Priority, TaskKind, TaskStatus, Wish
from telehealth.followups.tasks import fire_due
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.exchange.conftest import Exchange, checked, found
from tests.followups.working import work_of
from tests.kit.visits import Arranged

MRN = "urn:example:mrn|17"


async def planned(exchange: Exchange, arranged: Arranged, **wish: Any) -> list[FollowUp]:
    known = {"title": "Call about the cuff", "kind": TaskKind.CALL}
    asked = Wish(**{**known, **wish})
    return await exchange.unit_of_work.run(service.plan, arranged.clinician, arranged.visit_id, asked)


async def read(exchange: Exchange, task: FollowUp) -> dict[str, Any]:
    answer = await exchange.client.get(f"/fhir/Task/{task.id}")
    resource = checked(answer)
    assert answer.headers["etag"] == f'W/"{resource["meta"]["versionId"]}"'
    return resource


async def test_a_task_tells_whose_it_is_and_when(exchange: Exchange) -> None:
    arranged = await exchange.visit(identifier=MRN)
    await exchange.permit(DataKind.TASKS)
    (first,) = await planned(exchange, arranged, due_in="2w", window="3d", priority=Priority.URGENT)
    (after,) = await planned(exchange, arranged, after_id=first.id, owner=Owner(Pool.DESK), title="", kind=TaskKind.LAB)
    task = await read(exchange, first)
    assert (task["status"], task["intent"], task["priority"]) == ("requested", "order", "urgent")
    assert task["restriction"]["period"] == {"start": "2026-03-16T09:00:00.000Z", "end": "2026-03-19T09:00:00.000Z"}
    assert task["for"]["identifier"]["value"] == "17"
    assert task["owner"]["identifier"]["value"] == str(arranged.clinician.person_id)
    assert task["encounter"] == {"reference": f"Encounter/{arranged.visit_id}"}
    assert task["focus"] == {"reference": f"Appointment/{arranged.visit_id}"}
    assert (task["code"]["text"], task["description"]) == ("call", "Call about the cuff")
    waiting = await read(exchange, after)
    assert (waiting["status"], waiting["basedOn"]) == ("on-hold", [{"reference": f"Task/{first.id}"}])
    assert waiting["performerType"][0]["text"] == "desk"
    assert not {"owner", "description"} & set(waiting)
    await exchange.unit_of_work.run(service.done, arranged.clinician, first.id)
    freed = await read(exchange, after)
    assert (freed["status"], freed["meta"]["versionId"]) == ("requested", "2")


async def test_a_grant_of_tasks_is_none_of_what_was_measured_or_answered(exchange: Exchange) -> None:
    arranged = await exchange.visit(identifier=MRN)
    await exchange.permit(DataKind.TASKS)
    for origin in ("device_alert:1", "answer:1/q"):
        (made,) = await planned(exchange, arranged, title="Systolic pressure 192 mm[Hg]", origin=origin)
        assert "192" not in str(await read(exchange, made))


async def test_the_patients_own_repeated_tasks(exchange: Exchange) -> None:
    arranged = await exchange.visit(VisitStatus.BOOKED, identifier=MRN)
    await exchange.permit(DataKind.TASKS)
    made = await planned(exchange, arranged, repeat="FREQ=DAILY;COUNT=3", due_in="1d", facing=Facing.PATIENT)
    shown = [await read(exchange, each) for each in made]
    assert {each["intent"] for each in shown} == {"instance-order"}
    assert len({each["groupIdentifier"]["value"] for each in shown}) == 1
    assert {each["owner"]["type"] for each in shown} == {"Patient"}
    assert not any("encounter" in each for each in shown)  # there is none before the patient has come


async def test_every_state_is_valid_r4(exchange: Exchange, clock: FixedClock) -> None:
    arranged = await exchange.visit()
    await exchange.permit(DataKind.TASKS)
    (task,) = await planned(exchange, arranged)
    seen = {(await read(exchange, task))["status"]}
    states = []
    for _ in range(4):
        await fire_due(work_of(exchange.unit_of_work))
        shown = await read(exchange, task)
        seen |= {shown["status"]}
        states.append(shown["businessStatus"]["text"])
        clock.advance((task.ends_at - task.due_at) / 3)
        await exchange.permit(DataKind.TASKS)  # the one before is over
    assert states[0] == TaskStatus.DUE
    assert states[-1] == TaskStatus.ESCALATED
    (skipped,), (left,) = await planned(exchange, arranged), await planned(exchange, arranged)
    await exchange.unit_of_work.run(service.done, arranged.clinician, task.id)
    await exchange.unit_of_work.run(service.skip, arranged.clinician, skipped.id, reason="Moved away")
    await exchange.unit_of_work.run(service.cancel, arranged.clinician, left.id)
    done, rejected = await read(exchange, task), await read(exchange, skipped)
    assert done["executionPeriod"]["end"] == done["lastModified"]
    assert rejected["statusReason"] == {"text": "Moved away"}
    closed = {each["status"] for each in (done, rejected, await read(exchange, left))}
    assert seen | closed == set(TASK_STATUS.values())


async def test_searches_narrow_and_page(exchange: Exchange, clock: FixedClock) -> None:
    here, there = await exchange.visit(identifier=MRN), await exchange.visit()
    await exchange.permit(DataKind.TASKS)
    (one,) = await planned(exchange, here)
    clock.advance((one.ends_at - one.due_at) / 3)
    (two,) = await planned(exchange, there)
    (waits,) = await planned(exchange, there, after_id=two.id)
    await exchange.permit(DataKind.TASKS)  # the first is over

    async def ask(query: str) -> list[str]:
        return found(await exchange.client.get(f"/fhir/Task?{query}"))

    first, rest = str(one.id), {str(two.id), str(waits.id)}
    assert await ask(f"patient={here.patient_id}") == await ask(f"patient:identifier={MRN}") == [first]
    assert set(await ask("status=requested")) == {first, str(two.id)}
    assert await ask("status=on-hold") == [str(waits.id)]
    assert await ask("status=draft") == []
    assert await ask("authored-on=2026-03-02") == await ask("_lastUpdated=lt2026-03-03") == [first]
    assert set(await ask("authored-on=ge2026-03-03")) == rest
    page = checked(await exchange.client.get("/fhir/Task?_count=2"))
    (following,) = (each["url"] for each in page["link"] if each["relation"] == "next")
    left = await ask(following.partition("?")[2])
    assert {each["resource"]["id"] for each in page["entry"]} | set(left) == {first, *rest}


async def test_without_a_grant_nothing_is_read_and_with_one_each_reading_is_traced(exchange: Exchange) -> None:
    here, there = await exchange.visit(), await exchange.visit()
    (mine,), (theirs,) = await planned(exchange, here), await planned(exchange, there)
    await exchange.permit(DataKind.ENCOUNTERS)
    checked(await exchange.client.get(f"/fhir/Task/{mine.id}"), 403)
    await exchange.permit(DataKind.TASKS, patients=frozenset({here.patient_id}))
    assert found(await exchange.client.get("/fhir/Task")) == [str(mine.id)]
    checked(await exchange.client.get(f"/fhir/Task/{theirs.id}"), 404)
    assert ("read", "follow_up_task", "HPAYMT", "ok") in await exchange.traces()
