"""What people read: in their language, in their zone, nothing that is nobody else's business."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from icalendar import Calendar, Event

from telehealth.core.actors import SYSTEM
from telehealth.core.intervals import Interval
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.followups import service as followups
from telehealth.followups.parts import Wish
from telehealth.followups.ports import FollowUpSpeed
from telehealth.followups.tasks import fire_due
from telehealth.notifications.ports import Mail
from telehealth.scheduling.availability.rules import to_minute
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking import service as booking_service
from telehealth.scheduling.calendars.reading import View, read_calendar
from telehealth.scheduling.calendars.rules import Busy
from telehealth.scheduling.waitlist import service as waitlist
from telehealth.scheduling.waitlist.rules import Offer, Terms
from telehealth.tasks.work import Work
from telehealth.visits.appointments import service as appointments
from telehealth.visits.lifecycle import service as lifecycle
from tests.kit.clinic import TUESDAY_NINE
from tests.notifications.conftest import HOME, Post

DOMAIN = HOME.partition("://")[2]


def event_of(mail: Mail) -> tuple[str, Event]:
    assert mail.invite is not None
    calendar = Calendar.from_ical(mail.invite.content)
    assert isinstance(calendar, Calendar)
    (event,) = calendar.walk("VEVENT")
    assert isinstance(event, Event)
    return str(calendar["METHOD"]), event


def start_of(event: Event) -> datetime:
    assert isinstance(event.start, datetime)
    return event.start.astimezone(UTC)


async def test_an_invitation_in_the_patients_language_and_zone(post: Post) -> None:
    booked = await post.book(TUESDAY_NINE)
    await post.deliver()
    (mail,) = post.to_patient()
    assert mail.subject == "Su visita por vídeo: martes, 3 de marzo de 2026, 16:00 (hora estándar de Europa central)"
    assert mail.language == "es-ES"
    assert f"{HOME}/join/{booked.link_secret}" in mail.text
    assert "Dr. Ada Lindqvist" in mail.text
    assert "+1 507 555 0100" in mail.text


async def test_a_calendar_shows_the_time_and_no_name(post: Post) -> None:
    booked = await post.book(TUESDAY_NINE)
    await post.deliver()
    assert len(post.mailer.sent) == 2
    for mail in post.mailer.sent:
        method, event = event_of(mail)
        assert (method, event["SEQUENCE"], event["UID"]) == ("REQUEST", 1, f"visit-{booked.visit.id}@{DOMAIN}")
        assert start_of(event) == TUESDAY_NINE
        assert (event.end - event.start) == timedelta(minutes=20)
        assert mail.invite is not None
        assert "BEGIN:VTIMEZONE" in mail.invite.content
        for private in ("Rosa", "Jim", "Lindqvist", "Riverside"):
            assert private not in mail.invite.content
    zones = {str(event_of(mail)[1]["DTSTART"].params["TZID"]) for mail in post.mailer.sent}
    assert zones == {"Europe/Madrid", "America/Chicago"}


async def test_the_clinicians_mail_names_no_patient_and_has_no_personal_link(post: Post) -> None:
    booked = await post.book(TUESDAY_NINE)
    await post.deliver()
    (mail,) = (each for each in post.mailer.sent if each.recipient == "ada@clinic.example")
    assert mail.subject == "New video visit: Tuesday, March 3, 2026, 9:00 AM (Central Standard Time)".replace(
        " AM", "\u202fAM"
    )
    whole = mail.subject + mail.text + (mail.invite.content if mail.invite else "")
    assert f"{HOME}/visits/{booked.visit.id}" in whole
    for private in ("Rosa", "Jim", booked.link_secret, "/join/"):
        assert private not in whole


async def test_moved_and_cancelled_replace_what_the_calendar_shows(post: Post) -> None:
    booked = await post.book(TUESDAY_NINE)
    await post.deliver()
    later = TUESDAY_NINE + timedelta(hours=2)
    await post.unit_of_work.run(appointments.reschedule, SYSTEM, booked.visit.id, start=later)
    await post.deliver()
    await post.unit_of_work.run(lifecycle.cancel, SYSTEM, booked.visit.id, reason="patient")
    await post.deliver()
    told = [event_of(mail) for mail in post.to_patient()]
    assert [method for method, _ in told] == ["REQUEST", "REQUEST", "CANCEL"]
    assert [event["SEQUENCE"] for _, event in told] == [1, 2, 3]
    assert len({event["UID"] for _, event in told}) == 1
    assert start_of(told[1][1]) == later
    assert [event["STATUS"] for _, event in told] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert "/join/" not in post.to_patient()[-1].text


async def test_what_we_sent_is_ours_when_a_calendar_brings_it_back(post: Post) -> None:
    """And a zone is described as it is: read by our own reader, under a name it does not know."""
    await post.book(TUESDAY_NINE)
    await post.deliver()
    day = Interval(to_minute(TUESDAY_NINE) - 1440, to_minute(TUESDAY_NINE) + 1440)
    for mail in post.mailer.sent:
        assert mail.invite is not None
        view = View(zone_on=lambda _: "UTC", span=day, domain=DOMAIN)
        assert read_calendar(mail.invite.content, view).times == []
        foreign = mail.invite.content.replace(DOMAIN, "elsewhere.example").replace("TZID=", "TZID=X")
        foreign = foreign.replace("TZID:", "TZID:X")
        start = to_minute(TUESDAY_NINE)
        assert read_calendar(foreign, view) == Busy([Interval(start, start + 20)])


async def test_reminders_a_day_an_hour_and_ten_minutes_before(post: Post, clock: FixedClock) -> None:
    start = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)
    await post.book(start)
    await post.deliver()
    clock.advance(start - timedelta(hours=24, seconds=1) - clock.now())
    assert await post.deliver() == []
    clock.advance(timedelta(seconds=1))
    (mail,) = await post.deliver()
    assert mail.subject.startswith("Recordatorio de su visita")
    assert mail.invite is None
    clock.advance(timedelta(hours=23) - timedelta(seconds=1))
    assert await post.deliver() == []
    clock.advance(timedelta(seconds=1))
    assert len(await post.deliver()) == 1
    clock.advance(timedelta(minutes=50))
    assert len(await post.deliver()) == 1
    clock.advance(timedelta(minutes=10))
    (call,) = await post.deliver()
    assert call.subject == "Es la hora de su visita por vídeo"


async def test_reminders_are_those_of_the_kind_of_visit(post: Post, clock: FixedClock) -> None:
    """Two days and half an hour before; what was planned stays when the kind changes, until the visit moves."""

    async def remind(unit: Unit, *minutes: int) -> None:
        kind = await booking.visit_type(unit, post.clinic.visit_type.id)
        await booking_service.add_visit_type(unit, replace(kind, reminders=minutes))

    start = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)
    await post.unit_of_work.run(remind, SYSTEM, 2880, 30)
    booked = await post.book(start)
    await post.deliver()
    clock.advance(start - timedelta(days=2) - clock.now())
    assert len(await post.deliver()) == 1
    clock.advance(timedelta(days=1))
    assert await post.deliver() == []
    await post.unit_of_work.run(remind, SYSTEM, 60)
    clock.advance(start - timedelta(minutes=60) - clock.now())
    assert await post.deliver() == []
    clock.advance(timedelta(minutes=30))
    (mail,) = await post.deliver()
    assert mail.subject.startswith("Recordatorio")
    later = start + timedelta(days=1)
    await post.unit_of_work.run(appointments.reschedule, SYSTEM, booked.visit.id, start=later)
    await post.deliver()
    clock.advance(later - timedelta(minutes=60) - clock.now())
    assert len(await post.deliver()) == 1
    clock.advance(timedelta(minutes=30))
    assert await post.deliver() == []


async def test_a_kind_of_visit_may_have_no_reminder(post: Post, clock: FixedClock) -> None:
    async def silence(unit: Unit) -> None:
        kind = await booking.visit_type(unit, post.clinic.visit_type.id)
        await booking_service.add_visit_type(unit, replace(kind, reminders=()))

    await post.unit_of_work.run(silence, SYSTEM)
    start = datetime(2026, 3, 6, 15, 0, tzinfo=UTC)
    await post.book(start)
    await post.deliver()
    for _ in range(3):
        clock.advance((start - clock.now()) / 2)
        assert await post.deliver() == []


async def test_who_was_away_gets_one_reminder_and_not_all(post: Post, clock: FixedClock) -> None:
    start = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)
    await post.book(start)
    await post.deliver()
    clock.advance(start - timedelta(minutes=9) - clock.now())
    assert len(await post.deliver()) == 1
    assert await post.deliver() == []


async def test_a_moved_visit_is_reminded_of_at_its_new_time_alone(post: Post, clock: FixedClock) -> None:
    start = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)
    booked = await post.book(start)
    await post.relay()
    await post.unit_of_work.run(appointments.reschedule, SYSTEM, booked.visit.id, start=start + timedelta(days=1))
    await post.deliver()
    clock.advance(start - timedelta(hours=24) - clock.now())
    assert await post.deliver() == []
    clock.advance(timedelta(days=1))
    (mail,) = await post.deliver()
    assert "6 de marzo" in mail.subject


async def test_a_follow_up_tells_its_owner_without_saying_what(post: Post, clock: FixedClock) -> None:
    booked = await post.book()
    await post.deliver()
    await post.unit_of_work.run(
        followups.plan, post.clinic.clinician_actor, booked.visit.id, Wish(title="Ask about the biopsy", due_in="1d")
    )
    clock.advance(timedelta(days=1))
    await fire_due(Work(post.unit_of_work, post.work.ports.having(FollowUpSpeed, FollowUpSpeed()), clock))
    (mail,) = await post.deliver()
    assert (mail.recipient, mail.subject) == ("ada@clinic.example", "A follow-up task is due")
    assert f"{HOME}/day" in mail.text
    assert "biopsy" not in mail.text + mail.subject


async def test_an_offered_time_in_both_zones_and_no_more_once_it_is_over(post: Post) -> None:
    clinic = post.clinic

    async def offer(unit: Unit) -> Offer:
        entry = await waitlist.join(unit, clinic.patient.id, clinic.visit_type.id, Terms())
        return await waitlist.promote(unit, entry.id, waitlist.Time(clinic.clinician.id, TUESDAY_NINE))

    made = await post.unit_of_work.run(offer, SYSTEM)
    (mail,) = await post.deliver()
    assert mail.recipient == clinic.patient.email
    assert mail.subject == (
        "Hay una hora libre para usted: martes, 3 de marzo de 2026, 16:00 (hora estándar de Europa central)"
    )
    assert "9:00 (hora estándar central)" in mail.text
    assert "Dr. Ada Lindqvist" in mail.text
    assert f"{HOME}/offers/" in mail.text
    assert mail.invite is None
    await post.unit_of_work.run(waitlist.withdraw, SYSTEM, made.entry_id)
    again = await post.unit_of_work.run(offer, SYSTEM)
    await post.relay()
    await post.unit_of_work.run(waitlist.decline, SYSTEM, again.id)
    assert await post.deliver() == []
