"""Telling patients that there is something to read after their visit: once, in their language, with nothing in it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Purpose, Role
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.notifications.memory import MemoryTexter
from telehealth.notifications.ports import Refused
from telehealth.records.after_visit.rules import READABLE_FOR
from telehealth.records.notes.amendments import Relation
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants import service
from tests.kit.summaries import released, retracted, signed
from tests.kit.visits import Arranged
from tests.notifications.conftest import HOME, Post

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


class Visited:
    """A visit that has taken place, and its clinician. `link` is the patient's own."""

    def __init__(self, post: Post, arranged: Arranged, link: str) -> None:
        self.post, self.arranged, self.link = post, arranged, link

    async def does(self, action: Callable[..., Awaitable[object]], *given: object) -> None:
        await self.post.unit_of_work.run(action, self.arranged.clinician, *given)

    async def release(self, words: str = "CANARY rest.") -> None:
        await self.does(released, self.arranged.visit_id, words)


@pytest.fixture
async def visited(post: Post, clock: FixedClock) -> Visited:
    booked = await post.book()
    clock.advance(NOON - clock.now())
    await post.deliver()
    post.mailer.sent.clear()
    visit = booked.visit

    async def took_place(unit: Unit) -> None:
        ended = "UPDATE visit SET status = 'ended', started_at = starts_at, ended_at = ends_at WHERE id = :visit"
        await unit.session.execute(text(ended), {"visit": visit.id})

    await post.unit_of_work.run(took_place, SYSTEM)
    scopes, purpose = SCOPES[Role.CLINICIAN], Purpose.TREATMENT
    clinician = Actor(uuid4(), Role.CLINICIAN, scopes, person_id=visit.clinician_id, purpose=purpose)
    arranged = Arranged(visit.id, visit.patient_id, clinician)
    await post.unit_of_work.run(signed, clinician, arranged, "CANARY note.")
    return Visited(post, arranged, f"{HOME}/join/{booked.link_secret}")


async def test_the_patient_hears_of_it_once_in_their_language_and_reads_it_behind_one_link(visited: Visited) -> None:
    await visited.release()
    (mail,) = await visited.post.deliver()
    assert (mail.recipient, mail.subject, mail.language) == (
        "rosa@home.example",
        "El resumen de su visita está listo",
        "es-ES",
    )
    assert mail.text.count("https://") == mail.text.count(visited.link) == 1
    until = (NOON + READABLE_FOR).day
    assert (
        f"Puede leerlo hasta: jueves, {until} de abril de 2026, 14:00 (hora de verano de Europa central)." in mail.text
    )
    assert ("CANARY" in mail.text, mail.invite) == (False, None)
    await visited.release()
    assert await visited.post.deliver() == []
    await visited.release("Other words.")
    assert len(await visited.post.deliver()) == 1


async def test_what_is_no_longer_true_is_not_told(visited: Visited) -> None:
    await visited.release()
    await visited.release("Other words.")
    assert len(await visited.post.deliver()) == 1  # of the newer one alone
    await visited.release("Third words.")
    await visited.does(signed, visited.arranged, "Half the dose.", Relation.REPLACES)
    assert await visited.post.deliver() == []
    await visited.does(retracted, visited.arranged, 2)
    assert await visited.post.deliver() == []


async def test_a_patient_whose_link_was_revoked_is_not_told(visited: Visited) -> None:
    await visited.release()

    async def revoke(unit: Unit) -> None:
        arranged = visited.arranged
        own = await participants.patients_own(unit, arranged.visit_id, arranged.patient_id)
        assert own is not None
        await service.revoke(unit, arranged.visit_id, own)

    await visited.post.unit_of_work.run(revoke, SYSTEM)
    assert await visited.post.deliver() == []


async def test_whom_no_mail_reaches_gets_a_text_message(visited: Visited) -> None:
    post = visited.post
    post.texter = MemoryTexter()

    async def number(unit: Unit) -> None:
        await unit.session.execute(text("UPDATE patient SET phone = '+34 600 123 456', language = 'ar'"))

    await post.unit_of_work.run(number, SYSTEM)
    post.mailer.answer = lambda _: Refused(550)
    await visited.release()
    await post.deliver()
    (message,) = post.texter.sent
    assert message.recipient == "+34600123456"
    assert message.text.endswith(f"ملخص زيارتك جاهز. اقرأه هنا: {visited.link}")
    assert post.clock.now() - NOON < timedelta(minutes=1)
