"""An address that does not work: nothing more is sent there, the next channel has it at once, the desk hears once."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.followups import queries as followups
from telehealth.followups import service as commands
from telehealth.followups.parts import FollowUp, Pool, TaskStatus
from telehealth.notifications.memory import MemoryTexter
from telehealth.notifications.models import AddressRow, MessageRow, StopRow
from telehealth.notifications.ports import Mail, OptedOut, Outcome, Sent, Unreachable
from telehealth.people import service as people
from telehealth.people.rules import ContactSystem
from telehealth.visits.appointments import self_booking
from telehealth.visits.appointments import service as appointments
from tests.notifications.conftest import NUMBER, ROSA, Post, write_down

START = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)


def bounces(mail: Mail) -> Outcome:
    return Unreachable(550) if mail.recipient == ROSA else Sent()


async def tasks(post: Post) -> list[FollowUp]:
    async def look(unit: Unit) -> list[FollowUp]:
        return await followups.follow_ups(unit, statuses=TaskStatus)

    return await post.unit_of_work.run(look)


async def ledger(post: Post) -> set[tuple[str, str, str | None]]:
    async def look(unit: Unit) -> list[MessageRow]:
        theirs = select(MessageRow).where(MessageRow.recipient_role == "patient", MessageRow.kind == "invitation")
        return list(await unit.session.scalars(theirs))

    return {(row.channel, row.state, row.fault) for row in await post.unit_of_work.run(look)}


async def set_contact(post: Post, email: str | None, phone: str | None, *confirmed: ContactSystem) -> None:
    patient = post.clinic.patient.id
    await post.unit_of_work.run(people.set_contact, SYSTEM, patient, email=email, phone=phone, confirmed=confirmed)
    await post.deliver()


async def tick(post: Post, task: FollowUp) -> None:
    await post.unit_of_work.run(commands.done, SYSTEM, task.id)


async def test_the_next_channel_has_it_at_once_and_the_desk_hears_once(texting: Post) -> None:
    tried: list[str] = []

    def judge(mail: Mail) -> Outcome:
        tried.append(mail.recipient)
        return bounces(mail)

    texting.mailer.answer = judge
    await texting.book(START)
    await texting.deliver()
    assert await ledger(texting) == {("email", "rerouted", "550"), ("sms", "sent", None)}
    await texting.book(START + timedelta(hours=1))
    await texting.deliver()
    assert tried.count(ROSA) == 1
    assert ("email", "rerouted", "bad-address") in await ledger(texting)
    (task,) = await tasks(texting)
    assert (task.origin, task.owner.pool, task.title) == ("bad_email", Pool.DESK, "r…@home.example")


async def test_another_address_closes_the_task_and_is_written_to(texting: Post) -> None:
    texting.mailer.answer = bounces
    await texting.book(START)
    await texting.deliver()
    await set_contact(texting, "rosa@work.example", "+34 600 123 456")
    assert [task.status for task in await tasks(texting)] == [TaskStatus.DONE]
    await texting.book(START + timedelta(hours=1))
    await texting.deliver()
    assert [mail.recipient for mail in texting.mailer.sent if mail.recipient.startswith("rosa")] == [
        "rosa@work.example"
    ]


async def test_an_address_that_is_confirmed_is_tried_again_and_may_fail_again(texting: Post) -> None:
    texting.mailer.answer = bounces
    await texting.book(START)
    await texting.deliver()
    await set_contact(texting, ROSA, None, ContactSystem.EMAIL)
    texting.mailer.answer = lambda _: Sent()
    await texting.book(START + timedelta(hours=1))
    await texting.deliver()
    assert len(texting.to_patient()) == 1
    texting.mailer.answer = bounces
    await texting.book(START + timedelta(hours=2))
    await texting.deliver()
    assert sorted(task.status for task in await tasks(texting)) == [TaskStatus.DONE, TaskStatus.PLANNED]


async def test_a_number_that_takes_nothing(texting: Post) -> None:
    texting.texter = MemoryTexter(answer=lambda _: Unreachable(21614))
    texting.mailer.answer = bounces
    await texting.book(START)
    await texting.deliver()
    assert await ledger(texting) == {("email", "rerouted", "550"), ("sms", "dead", "21614")}
    assert sorted(task.origin for task in await tasks(texting)) == ["bad_email", "bad_sms"]
    await set_contact(texting, "rosa@work.example", "600 123 457")
    assert {task.status for task in await tasks(texting)} == {TaskStatus.DONE}


async def test_what_the_gateway_was_told_is_stopped_here_too(texting: Post) -> None:
    texting.texter = MemoryTexter(answer=lambda _: OptedOut(21610))
    texting.mailer.answer = bounces
    await texting.book(START)
    await texting.deliver()
    assert ("sms", "suppressed", "21610") in await ledger(texting)

    async def look(unit: Unit) -> list[str]:
        query = select(StopRow.said_by).join(AddressRow, AddressRow.id == StopRow.address_id)
        return list(await unit.session.scalars(query.where(AddressRow.address == NUMBER)))

    assert await texting.unit_of_work.run(look) == ["gateway"] * 3


async def test_another_address_that_fails_for_the_same_visit_is_another_task(texting: Post, clock: FixedClock) -> None:
    texting.mailer.answer = lambda mail: Unreachable(550) if mail.recipient.startswith("rosa") else Sent()
    booked = await texting.book(START)
    await texting.deliver()
    for hours, address in enumerate(("rosa@work.example", ROSA), start=1):
        clock.advance(timedelta(minutes=1))
        await set_contact(texting, address, None)
        later = START + timedelta(hours=hours)
        await texting.unit_of_work.run(appointments.reschedule, SYSTEM, booked.visit.id, start=later)
        await texting.deliver()
    found = await tasks(texting)
    assert {task.origin for task in found} == {"bad_email"}
    assert sorted(task.status for task in found) == [TaskStatus.DONE, TaskStatus.DONE, TaskStatus.PLANNED]


async def test_a_task_that_was_ticked_without_another_address_comes_again(texting: Post) -> None:
    texting.mailer.answer = bounces
    await texting.book(START)
    await texting.deliver()
    await tick(texting, *await tasks(texting))
    for hours in (1, 2):
        await texting.book(START + timedelta(hours=hours))
        await texting.deliver()
    assert sorted(task.status for task in await tasks(texting)) == [TaskStatus.DONE, TaskStatus.PLANNED]


async def test_another_number_confirms_no_mail_address(texting: Post) -> None:
    texting.mailer.answer = bounces
    await texting.book(START)
    await texting.deliver()
    await set_contact(texting, ROSA, "+34 600 123 457")
    assert [task.status for task in await tasks(texting)] == [TaskStatus.PLANNED]
    texting.mailer.answer = lambda _: Sent()
    await texting.book(START + timedelta(hours=1))
    await texting.deliver()
    assert texting.to_patient() == []


async def test_a_number_without_its_country_is_confirmed_too(texting: Post) -> None:
    texting.texter = MemoryTexter(answer=lambda _: Unreachable(21614), region="ES")
    await write_down(texting, phone="600 123 456", email=None)
    await texting.book(START)
    await texting.deliver()

    async def forget(unit: Unit) -> None:
        await unit.session.execute(update(AddressRow).values(patient_id=None))

    await texting.unit_of_work.run(forget)  # as when another patient's visit was the first
    await set_contact(texting, None, "600 123 456", ContactSystem.PHONE)
    assert [task.status for task in await tasks(texting)] == [TaskStatus.DONE]
    texting.texter = MemoryTexter(region="ES")
    await texting.book(START + timedelta(hours=1))
    await texting.deliver()
    assert [text.recipient for text in texting.texter.sent] == [NUMBER]


async def test_what_is_about_no_visit_is_reported_of_the_next(texting: Post) -> None:
    await texting.book(START + timedelta(hours=1))
    following = await texting.book(START)
    await texting.deliver()
    texting.mailer.answer = bounces
    kind = following.visit.visit_type_id
    await texting.unit_of_work.run(
        self_booking.invite, SYSTEM, patient_id=texting.clinic.patient.id, visit_type_id=kind
    )
    await texting.deliver()
    assert [task.visit_id for task in await tasks(texting)] == [following.visit.id]
