"""Who is not on the page of their visit hears that it begins, and that it begins later; who is there reads it there."""

from datetime import UTC, datetime, timedelta

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.notifications.memory import MemoryTexter
from telehealth.visits.appointments import service as appointments
from telehealth.visits.appointments.service import Booked
from telehealth.visits.lifecycle.events import VisitAdmitted
from telehealth.visits.participants import queries as participants
from telehealth.visits.waiting_room import attendance, notices
from tests.notifications.conftest import HOME, Post, write_down

START = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)


def texts(post: Post) -> list[str]:
    assert isinstance(post.texter, MemoryTexter)
    return [each.text for each in post.texter.sent]


async def booked_and_reminded(post: Post, clock: FixedClock, before: timedelta) -> Booked:
    """That long before its start, with all told that was due by then."""
    booked = await post.book(START)
    await post.deliver()
    clock.advance(START - before - clock.now())
    await post.deliver()
    return booked


async def on_the_page(post: Post, booked: Booked, clock: FixedClock) -> None:
    async def note(unit: Unit) -> None:
        own = await participants.patients_own(unit, booked.visit.id, post.clinic.patient.id)
        assert own is not None
        await attendance.note(unit, [own], clock.now() + timedelta(minutes=20))

    await post.unit_of_work.run(note, SYSTEM)


async def say_late(post: Post, minutes: int) -> None:
    await post.unit_of_work.run(notices.say_late, post.clinic.clinician_actor, post.clinic.clinician.id, minutes)


async def test_who_is_not_there_is_called_once_by_text_first(texting: Post, clock: FixedClock) -> None:
    booked = await booked_and_reminded(texting, clock, timedelta(minutes=5))
    before = len(texts(texting))
    mails = len(texting.to_patient())
    clock.advance(timedelta(minutes=5))
    for _ in range(3):
        await texting.deliver()
        clock.advance(timedelta(minutes=1))
    assert texts(texting)[before:] == [
        f"Riverside: Es la hora de su visita por video. Entre ahora: {HOME}/join/{booked.link_secret}"
    ]
    assert len(texting.to_patient()) == mails


async def test_who_has_no_number_is_called_by_mail(post: Post, clock: FixedClock) -> None:
    await booked_and_reminded(post, clock, timedelta(minutes=5))
    clock.advance(timedelta(minutes=5))
    (mail,) = await post.deliver()
    assert mail.subject == "Es la hora de su visita por vídeo"
    assert mail.invite is None


async def test_who_is_on_the_page_is_not_called(texting: Post, clock: FixedClock) -> None:
    booked = await booked_and_reminded(texting, clock, timedelta(minutes=5))
    before = len(texts(texting))
    await on_the_page(texting, booked, clock)
    clock.advance(timedelta(minutes=5))
    await texting.deliver()
    assert len(texts(texting)) == before


async def test_a_clinician_who_begins_early_calls_them_then_and_not_again(texting: Post, clock: FixedClock) -> None:
    booked = await booked_and_reminded(texting, clock, timedelta(minutes=8))
    before = len(texts(texting))
    clinic = texting.clinic

    async def admit(unit: Unit) -> None:
        patient, clinician = clinic.patient.id, clinic.clinician.id
        unit.emit(VisitAdmitted(visit_id=booked.visit.id, patient_id=patient, clinician_id=clinician))

    for _ in range(2):
        await texting.unit_of_work.run(admit, clinic.clinician_actor)
        await texting.deliver()
    assert len(texts(texting)) == before + 1
    clock.advance(timedelta(minutes=8))
    await texting.deliver()
    assert len(texts(texting)) == before + 1


async def test_a_visit_that_moved_calls_at_its_new_time_alone(texting: Post, clock: FixedClock) -> None:
    booked = await booked_and_reminded(texting, clock, timedelta(minutes=50))
    later = START + timedelta(minutes=20)
    await texting.unit_of_work.run(appointments.reschedule, SYSTEM, booked.visit.id, start=later)
    await texting.deliver()
    clock.advance(START - clock.now())
    await texting.deliver()
    assert not [each for each in texts(texting) if "Es la hora" in each]
    clock.advance(timedelta(minutes=20))
    await texting.deliver()
    assert len([each for each in texts(texting) if "Es la hora" in each]) == 1


async def test_each_estimate_is_told_once(texting: Post, clock: FixedClock) -> None:
    await booked_and_reminded(texting, clock, timedelta(minutes=8))
    before = len(texts(texting))
    for minutes in (10, 20):
        await say_late(texting, minutes)
        await texting.deliver()
        clock.advance(timedelta(minutes=1))
        await texting.deliver()
    told = texts(texting)[before:]
    assert ["10 minutos" in told[0], "20 minutos" in told[1]] == [True, True]
    assert len(told) == 2


async def test_what_is_taken_back_is_not_told(texting: Post, clock: FixedClock) -> None:
    await booked_and_reminded(texting, clock, timedelta(minutes=8))
    before = len(texts(texting))
    await say_late(texting, 20)
    await texting.relay()
    clock.advance(timedelta(seconds=1))
    await say_late(texting, 0)
    await texting.deliver()
    assert len(texts(texting)) == before


async def test_lateness_is_read_on_the_page_by_who_is_there(texting: Post, clock: FixedClock) -> None:
    booked = await booked_and_reminded(texting, clock, timedelta(minutes=8))
    before = len(texts(texting))
    await on_the_page(texting, booked, clock)
    await say_late(texting, 10)
    await texting.deliver()
    assert len(texts(texting)) == before


async def test_without_a_number_lateness_comes_by_mail_with_the_time_that_was_planned(
    texting: Post, clock: FixedClock
) -> None:
    await write_down(texting, phone=None)
    await booked_and_reminded(texting, clock, timedelta(minutes=8))
    mails = len(texting.to_patient())
    await say_late(texting, 5)
    await texting.deliver()
    (mail,) = texting.to_patient()[mails:]
    assert mail.subject == "Su visita por vídeo empieza más tarde"
    assert "5 minutos" in mail.text
    assert "16:00" in mail.text
