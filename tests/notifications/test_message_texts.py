"""What administrators write is what is sent next; by API and by hand, nothing typed is lost, and one can go back."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import httpx
import psycopg
import pytest

from alembic import command
from telehealth.core.actors import SYSTEM, Role
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.notifications import addresses, devices, publishing, routes
from telehealth.notifications.kinds import Purpose
from telehealth.notifications.memory import MemoryCaller, MemoryPusher
from telehealth.notifications.rules import Channel
from telehealth.notifications.slots import ALL, NAMED
from telehealth.notifications.wording import Wording
from tests.architecture.test_migrations import THEN, insert
from tests.kit import by_hand
from tests.kit.by_hand import House, open_by_hand
from tests.kit.clinic import TUESDAY_NINE
from tests.kit.database import Databases, alembic_config, migrate
from tests.kit.pushes import Browser
from tests.notifications.conftest import Post

NAME = "invitation-patient-email"
API, PAGE = f"/v1/message-texts/{NAME}/es", f"/admin/message-texts/{NAME}/es"
MINE = {"subject": "Le esperamos: {when}", "body": "{greeting}\r\n\r\nLe esperamos el {when}.\r\n\r\n{link}"}
OLD = {"id": UUID(int=50), "kind": "moved", "whom": "patient", "channel": "sms", "language": "es", "version": 1}


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(by_hand, "EVERYTHING", (*by_hand.EVERYTHING, *routes.OPERATIONS, *routes.PAGES))
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def put(house: House, body: object, **headers: str) -> httpx.Response:
    return await house.admin.put(API, json=body, headers=headers)


async def test_by_api(house: House) -> None:
    default = await house.admin.get(API)
    assert (default.headers["etag"], default.json()["version"]) == ('"0"', 0)
    assert "{clinician}" in default.json()["body"]
    assert (await put(house, MINE)).status_code == 428
    first = await put(house, MINE, **{"If-Match": '"0"'})
    assert (first.status_code, first.headers["etag"]) == (200, '"1"')
    assert first.json()["body"] == MINE["body"].replace("\r\n", "\n")
    assert first.json()["published_by"]
    late = await put(house, MINE, **{"If-Match": '"0"'})
    assert (late.status_code, late.json()["type"]) == (412, "/problems/stale")
    unfit = await put(house, {"subject": "Biopsia", "body": "{nobody}"}, **{"If-Match": '"1"'})
    assert (unfit.status_code, unfit.json()["type"]) == (422, "/problems/unfit-text")
    assert {(each["field"], each["line"], each["code"]) for each in unfit.json()["faults"]} == {
        ("subject", 1, "clinical"),
        ("body", 1, "place"),
        ("body", 0, "missing"),
    }
    assert (await house.admin.delete(API, headers={"If-Match": '"1"'})).status_code == 204
    assert (await house.admin.get(API)).json() == default.json()
    again = await put(house, MINE, **{"If-None-Match": "*"})
    assert again.json()["version"] == 2
    versions = (await house.admin.get(f"{API}/versions")).json()["items"]
    assert [(each["version"], each["retired_at"] is None) for each in versions] == [(2, True), (1, False)]
    everything = (await house.admin.get("/v1/message-texts")).json()["items"]
    assert len(everything) == 4 * len(ALL)
    assert [each["name"] for each in everything if each["version"]] == [NAME]


async def test_a_preview_keeps_nothing(house: House) -> None:
    text = "/v1/message-texts/reminder-patient-sms/ar/preview"
    body = {"body": "{clinic}: {when} {link}", "time_zone": "Australia/Lord_Howe", "at": "2026-10-03T15:30:00Z"}
    shown = (await house.admin.post(text, json=body)).json()
    assert (shown["direction"], shown["budget"], shown["faults"]) == ("rtl", 3, [])
    assert 1 < shown["parts"] <= 3
    assert "https://visits.example/" in shown["body"]
    assert (await house.admin.post(text, json={**body, "time_zone": "Mars/Base"})).status_code == 422
    long = (await house.admin.post(text, json={"body": "{clinic} {when} {link}" + " طويل" * 50})).json()
    assert [each["code"] for each in long["faults"]] == ["segments"]
    assert (await house.admin.get("/v1/message-texts")).json()["items"][0]["version"] == 0


@pytest.mark.parametrize("path", ["nothing/es", f"{NAME}/de", "invitation-staff-sms/es"])
async def test_what_there_is_not_is_not_found(house: House, path: str) -> None:
    assert (await house.admin.get(f"/v1/message-texts/{path}")).status_code == 404
    assert (await house.admin.get(f"/admin/message-texts/{path}")).status_code == 404


async def test_nobody_else_writes_them(house: House) -> None:
    for client in (house.desk, house.clinician):
        assert (await client.get(API)).status_code == 403
        assert (await client.put(API, json=MINE, headers={"If-Match": '"0"'})).status_code == 403


async def test_by_hand(house: House) -> None:
    """What is wrong is said at its line, and what was typed stands there still."""
    page = await house.admin.get(PAGE)
    assert 'name="version" value="0"' in page.text
    typed = {"version": "0", "subject": "Hola: {when}", "body": "Hola\r\n{wen}\r\n{link}", "zone": "Asia/Kolkata"}
    wrong = await house.admin.post(PAGE, data=typed)
    assert wrong.status_code == 422
    assert "Line 2" in wrong.text
    assert "{wen}\n{link}</textarea>" in wrong.text
    typed["body"] = "Hola, {when}.\r\n{link}"
    seen = await house.admin.post(PAGE, data={**typed, "action": "preview"})
    assert (seen.status_code, "hora de India" in seen.text) == (200, True)
    assert 'name="version" value="0"' in seen.text
    saved = await house.admin.post(PAGE, data=typed)
    assert (saved.status_code, saved.headers["location"]) == (303, f"{PAGE}?told=published")
    second = await house.admin.post(PAGE, data={**typed, "body": "Otra: {when} {link}"})
    assert second.status_code == 409
    assert "Otra: {when} {link}</textarea>" in second.text
    assert "Hola, {when}.\n{link}</textarea>" in second.text
    assert 'name="version" value="1"' in second.text
    assert "(your words)" in (await house.admin.get("/admin/message-texts")).text
    back = await house.admin.post(PAGE, data={"version": "1", "action": "retire"})
    assert back.headers["location"] == f"{PAGE}?told=retired"
    assert (await house.admin.post(PAGE, data={"version": "1", "action": "retire"})).status_code == 409


async def test_nothing_typed_is_run(house: House) -> None:
    code = "{link} <script>alert(1)</script> %(when)s ${when} {when}"
    text = "/admin/message-texts/reminder-patient-sms/en"
    saved = await house.admin.post(text, data={"version": "0", "body": code})
    assert saved.status_code == 303
    page = await house.admin.get(text)
    assert "<script>alert" not in page.text
    assert "%(when)s $" in page.text


async def test_what_was_published_is_in_the_next_mail(post: Post) -> None:
    await set_words(post, "invitation-patient-email", Wording("Hola {when}", "{greeting}\n\nLe esperamos.\n\n{link}"))
    booked = await post.book(TUESDAY_NINE)
    await post.deliver()
    (mail,) = post.to_patient()
    assert mail.subject == "Hola martes, 3 de marzo de 2026, 16:00 (hora estándar de Europa central)"
    assert mail.text == f"Hola, Rosa Jiménez:\n\nLe esperamos.\n\nhttps://visits.example/join/{booked.link_secret}\n"
    assert mail.invite is not None
    (theirs,) = (each for each in post.mailer.sent if each.recipient == "ada@clinic.example")
    assert theirs.subject.startswith("New video visit")


async def set_words(post: Post, name: str, wording: Wording) -> None:
    async def write(unit: Unit) -> None:
        await publishing.publish(unit, NAMED[name], "es", wording, version=0, wrong=[])

    await post.unit_of_work.run(write, SYSTEM)


def test_one_version_is_in_force(databases: Databases) -> None:
    place = databases.create_empty()
    migrate(place)
    row = {**OLD, "subject": "", "body": "{link}", "published_at": THEN}
    with psycopg.connect(place) as connection:
        insert(connection, "message_text", row)
    with psycopg.connect(place) as connection, pytest.raises(psycopg.errors.UniqueViolation, match="in_force"):
        insert(connection, "message_text", {**row, "id": UUID(int=51), "version": 2})
    command.check(alembic_config(place))


async def test_notifications_and_calls_say_what_is_published(texting: Post) -> None:
    texting.pusher, texting.caller = pusher, caller = MemoryPusher(), MemoryCaller()
    patient = texting.clinic.patient.id
    await set_words(texting, "invitation-patient-push", Wording("", "Le esperamos el {when}"))
    await set_words(texting, "invitation-patient-phone", Wording("", "Le esperamos, por fin, el {when}"))
    browser = Browser("https://push.example/a").device
    await texting.unit_of_work.run(devices.keep, SYSTEM, (Role.PATIENT, patient), browser)
    for days, first in enumerate((Channel.PUSH, Channel.PHONE)):
        await texting.unit_of_work.run(addresses.prefer, SYSTEM, patient, Purpose.APPOINTMENTS, first)
        await texting.book(TUESDAY_NINE + timedelta(days=days))
        await texting.deliver()
    (shown, *_), (call,) = [json.loads(push.words) for push, _ in pusher.sent], caller.sent
    assert (shown["title"], shown["body"][:36]) == ("Riverside", "Le esperamos el martes, 3 de marzo d")
    assert call.words.startswith("Riverside. Le esperamos, por fin, el miércoles, 4 de marzo de 2026, 16:00")
    assert call.words.endswith("llame al +1 507 555 0100.")


@pytest.mark.parametrize("channel", ["push", "phone"])
async def test_what_is_said_in_a_line_is_one_without_a_link(house: House, channel: str) -> None:
    api = f"/v1/message-texts/moved-patient-{channel}/fr"
    shown = (await house.admin.get(api)).json()
    assert (shown["subject"], "{when}" in shown["body"], shown["places"]) == ("", True, ["when"])
    for body, code in (
        ("Le {when}.\nVenez.", "line"),
        ("Le {when} " + "a" * 120, "line"),
        ("Voyez {link} le {when}", "place"),
        ("Votre biopsie : {when}", "clinical"),
        ("Votre visite", "missing"),
        ("www.exemple.com {when}", "address"),
    ):
        answer = await house.admin.put(api, json={"body": body}, headers={"If-None-Match": "*"})
        assert (answer.status_code, code in {each["code"] for each in answer.json()["faults"]}) == (422, True)
    page = await house.admin.post(
        f"/admin/message-texts/moved-patient-{channel}/fr",
        data={"version": "0", "body": "Nouvelle date : {when}", "zone": "Europe/Paris", "action": "preview"},
    )
    assert page.status_code == 200
    assert page.text.count("Nouvelle date : {when}") == 1  # as it was typed
    assert ("Riverside" in page.text, page.text.count("Nouvelle date :")) == (True, 2)
    assert ("appelez le +1 507 555 0100" in page.text) == (channel == "phone")
