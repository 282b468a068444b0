"""The desk's page of a patient's addresses, used with nothing but links and forms; and two at one desk."""

import re
from collections.abc import AsyncIterator
from html import unescape

import httpx
import pytest

from telehealth.access.authentication import StoredCredentials
from telehealth.core.actors import Role
from telehealth.db.unit import Unit
from telehealth.followups import queries as followups
from telehealth.followups import routes as tasks
from telehealth.http.credentials import STAFF_COOKIE
from telehealth.http.locales import Locales
from telehealth.http.ports import Authenticator
from telehealth.notifications.ports import Mail, Outcome, Sent, Texter, Unreachable
from telehealth.notifications.routes import PAGES
from telehealth.people import queries as people
from telehealth.people.rules import Patient
from telehealth.visits.front_desk import routes as front_desk
from tests.kit.by_hand import SAME_SITE
from tests.kit.staff import open_account
from tests.kit.web import client_of
from tests.notifications.conftest import NUMBER, ROSA, Post

HIDDEN = re.compile(r'name="(seen_\w+)" value="([^"]*)"')


async def _sign_in(unit: Unit) -> str:
    return await open_account(unit, Role.FRONT_DESK, None)


@pytest.fixture
async def desk(texting: Post, locales: Locales) -> AsyncIterator[httpx.AsyncClient]:
    ports = {Authenticator: StoredCredentials(texting.unit_of_work), Locales: locales, Texter: texting.texter}
    secret = await texting.unit_of_work.run(_sign_in)
    async with client_of(texting.unit_of_work, (*PAGES, *front_desk.PAGES, *tasks.PAGES), {}, ports=ports) as client:
        client.headers.update({**SAME_SITE, "Cookie": f"{STAFF_COOKIE}={secret}"})
        yield client


def address(post: Post) -> str:
    return f"/desk/{post.clinic.patient.id}/contact"


def hidden(page: httpx.Response) -> dict[str, str]:
    return {name: unescape(value) for name, value in HIDDEN.findall(page.text)}


async def written(post: Post) -> tuple[str | None, str | None]:
    async def look(unit: Unit) -> Patient:
        return await people.patient(unit, post.clinic.patient.id)

    patient = await post.unit_of_work.run(look)
    return patient.email, patient.phone


async def open_tasks(post: Post) -> list[str]:
    async def look(unit: Unit) -> list[str]:
        return [each.origin for each in await followups.follow_ups(unit)]

    return await post.unit_of_work.run(look)


async def bounced(post: Post) -> None:
    """Mail to Rosa does not arrive, and the desk has its task, which is due."""

    def judge(mail: Mail) -> Outcome:
        return Unreachable(550) if mail.recipient == ROSA else Sent()

    post.mailer.answer = judge
    await post.book()
    await post.deliver()
    assert await open_tasks(post) == ["bad_email"]


async def test_from_the_task_to_the_address_and_the_task_is_done(desk: httpx.AsyncClient, texting: Post) -> None:
    await bounced(texting)
    page = await desk.get(address(texting))
    assert f'<bdi dir="ltr">{ROSA}</bdi>: no mail has arrived there since' in page.text
    assert 'id="failed-phone"' not in page.text
    saved = await desk.post(address(texting), data={**hidden(page), "email": " r@new.example ", "phone": NUMBER})
    assert (saved.status_code, saved.headers["location"]) == (303, f"/desk/{texting.clinic.patient.id}?told=contact")
    assert 'role="status">Saved.' in (await desk.get(saved.headers["location"])).text
    await texting.deliver()
    assert await written(texting) == ("r@new.example", NUMBER)
    assert await open_tasks(texting) == []
    assert 'id="failed-email"' not in (await desk.get(address(texting))).text


async def test_an_address_that_is_right_is_tried_again(desk: httpx.AsyncClient, texting: Post) -> None:
    await bounced(texting)
    seen = hidden(await desk.get(address(texting)))
    form = {**seen, "email": ROSA, "phone": seen["seen_phone"]}
    await desk.post(address(texting), data=form)
    await texting.deliver()
    assert await open_tasks(texting) == ["bad_email"], "nothing has changed"
    await desk.post(address(texting), data={**form, "confirmed": "email"})
    await texting.deliver()
    assert await open_tasks(texting) == []


async def test_what_cannot_be_an_address_is_said_and_kept(desk: httpx.AsyncClient, texting: Post) -> None:
    before = await written(texting)
    page = await desk.get(address(texting))
    wrong = {"email": "rosa at <home>", "phone": "12"}
    answer = await desk.post(address(texting), data={**hidden(page), **wrong})
    assert answer.status_code == 422
    assert 'id="email-error">Enter an email address' in answer.text
    assert 'id="phone-error">Enter a number with the country code' in answer.text
    assert 'value="rosa at &lt;home&gt;"' in answer.text
    assert 'value="12"' in answer.text
    assert await written(texting) == before


async def test_of_two_at_once_the_second_sees_what_the_first_wrote(desk: httpx.AsyncClient, texting: Post) -> None:
    seen = hidden(await desk.get(address(texting)))
    await desk.post(address(texting), data={**seen, "email": "first@home.example", "phone": NUMBER})
    second = await desk.post(address(texting), data={**seen, "email": "second@home.example", "phone": NUMBER})
    assert second.status_code == 409
    assert '<bdi dir="ltr">first@home.example</bdi>' in second.text
    assert 'value="second@home.example"' in second.text
    assert await written(texting) == ("first@home.example", NUMBER)
    await desk.post(address(texting), data={**hidden(second), "email": "second@home.example", "phone": NUMBER})
    assert await written(texting) == ("second@home.example", NUMBER)
