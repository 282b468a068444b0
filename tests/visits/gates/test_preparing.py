"""The patient prepares with forms alone and over the API; the clinician reads the answers and waives on their page."""

import re
from collections.abc import Iterator

import httpx
import pytest

from telehealth.http.credentials import GUEST_COOKIE, STAFF_COOKIE
from tests.kit.by_hand import BIRTH, SAME_SITE
from tests.visits.gates.arriving import ANSWERS
from tests.visits.gates.doors import Day, Doors


@pytest.fixture
def rosa(doors: Doors, day: Day) -> Iterator[httpx.Client]:
    """Her browser, after the identity step."""
    with httpx.Client(base_url=doors.url, headers=SAME_SITE, timeout=60) as browser:
        entered = browser.post(f"/join/{day.arrival.link}", data=BIRTH)
        secret = re.search(rf"{GUEST_COOKIE}=([\w-]+)", entered.headers["set-cookie"])
        assert secret
        browser.headers["Cookie"] = f"{GUEST_COOKIE}={secret[1]}"
        yield browser


@pytest.fixture
def ada(doors: Doors, day: Day) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=doors.url, headers=SAME_SITE, timeout=60) as browser:
        browser.headers["Cookie"] = f"{STAFF_COOKIE}={day.clinician}"
        yield browser


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, html
    return found[1]


def agree(rosa: httpx.Client) -> httpx.Response:
    shown = rosa.get("/visit/prepare").text
    form = {"text": hidden(shown, "text"), "language": hidden(shown, "language"), "agree": "yes"}
    return rosa.post("/visit/consent", data=form)


def answer(rosa: httpx.Client, **answers: str) -> httpx.Response:
    revision = hidden(rosa.get("/visit/prepare").text, "revision")
    return rosa.post(
        "/visit/intake", data={"revision": revision} | {f"a.{link}": each for link, each in answers.items()}
    )


def test_by_forms_alone(rosa: httpx.Client, ada: httpx.Client, day: Day) -> None:
    assert rosa.get("/visit").headers["location"] == "/visit/prepare"
    shown = rosa.get("/visit/prepare").text
    assert "Le preguntamos." in shown, "Rosa reads Spanish"
    assert 'name="a.smokes"' not in shown, "one thing at a time"
    unticked = rosa.post("/visit/consent", data={"text": hidden(shown, "text"), "language": "es"})
    assert (unticked.status_code, "Marque la casilla" in unticked.text) == (422, True)
    assert agree(rosa).headers["location"] == "/visit/prepare"
    assert "¿Fuma?" in rosa.get("/visit/prepare").text
    assert rosa.post("/visit/ready").headers["location"] == "/visit/prepare"
    wrong = answer(rosa, smokes="true", weight="heavy")
    assert wrong.status_code == 422
    assert wrong.text.count('class="field wrong"') == 2, "the number that is missing, and the weight"
    assert 'value="heavy"' in wrong.text, "what was typed is not lost"
    assert answer(rosa, smokes="true", day="20", weight="70,5").headers["location"] == "/visit"
    assert 'data-stage="check"' in rosa.get("/visit").text
    assert rosa.post("/visit/ready").headers["location"] == "/visit"
    waiting = rosa.get("/visit").text
    assert 'data-stage="waiting"' in waiting
    assert 'href="/visit/prepare"' in waiting, "answers may be changed while waiting"
    assert answer(rosa, smokes="false").headers["location"] == "/visit"
    room = ada.get(f"/visits/{day.arrival.visit.id}").text
    assert "Do you smoke?" in room
    assert "How many a day?" not in room, "what does not apply is not told"


def test_two_windows_do_not_overwrite_each_other(rosa: httpx.Client) -> None:
    agree(rosa)
    for smokes, expected in (("false", 303), ("false", 303), ("true", 409)):
        answered = rosa.post("/visit/intake", data={"revision": "0", "a.smokes": smokes})
        assert answered.status_code == expected
    assert "También" in answered.text or "también" in answered.text


def test_over_the_api(rosa: httpx.Client, ada: httpx.Client, day: Day) -> None:
    api = f"/v1/visits/{day.arrival.visit.id}"
    asked = rosa.get(f"{api}/preparation", params={"language": "es"}).json()
    assert [each["state"] for each in asked["gates"]] == ["closed"] * 3
    assert asked["consent"]["paragraphs"] == ["Le preguntamos."]
    agreed = rosa.post(f"{api}/consent", json={"text_id": asked["consent"]["text_id"], "language": "es"}).json()
    assert agreed["consent"]["agreed_at"] is not None
    questions = rosa.get(f"{api}/intake")
    assert (questions.headers["etag"], questions.json()["answers"]) == ('"0"', {})
    first = {"If-Match": '"0"'}
    saved = rosa.put(f"{api}/intake", json={"answers": {"smokes": True, "day": "x"}}, headers=first)
    assert saved.json()["problems"] == [{"link_id": "day", "problem": "invalid"}]
    assert rosa.put(f"{api}/intake", json={"answers": {}}, headers=first).status_code == 412
    assert rosa.put(f"{api}/intake", json={"answers": {}}).status_code == 428
    again = {"If-Match": saved.headers["etag"]}
    done = {"answers": {"smokes": True}, "complete": True}
    refused = rosa.put(f"{api}/intake", json=done, headers=again)
    assert (refused.status_code, refused.json()["answers"]) == (422, [{"link_id": "day", "problem": "required"}])
    assert ada.get(f"{api}/answers").status_code == 404, "a draft is the patient's own"
    assert rosa.put(f"{api}/intake", json={"answers": ANSWERS, "complete": True}, headers=again).status_code == 200
    told = ada.get(f"{api}/answers").json()["items"]
    assert {each["link_id"]: each["answer"] for each in told} == ANSWERS
    early = rosa.post(f"{api}/ready")
    assert (early.status_code, early.json()["type"]) == (409, "/problems/not-now")
    assert rosa.get(f"{api}/gates").status_code == 403
    waived = ada.post(f"{api}/gates/devices/waive", json={"reason": "comes by phone"}).json()["items"]
    assert [(each["gate"], each["state"]) for each in waived] == [
        ("consent", "open"),
        ("intake", "open"),
        ("devices", "waived"),
    ]
    assert waived[2]["reason"] == "comes by phone"
    assert rosa.post(f"{api}/ready").status_code == 200


def test_the_clinician_waives_on_the_page_of_the_visit(rosa: httpx.Client, ada: httpx.Client, day: Day) -> None:
    assert rosa.get("/visit").headers["location"] == "/visit/prepare"
    room = f"/visits/{day.arrival.visit.id}"
    shown = ada.get(room).text
    for gate in ("consent", "intake"):
        assert f'action="{room}/gates/{gate}/waive"' in shown
        waived = ada.post(f"{room}/gates/{gate}/waive", data={"reason": "agreed by word of mouth"})
        assert (waived.status_code, waived.headers["location"]) == (303, room)
    assert ada.get(room).text.count("agreed by word of mouth") == 2
    assert ada.post(f"{room}/gates/intake/waive", data={"reason": ""}).status_code == 422
    assert ada.post(f"{room}/gates/nothing/waive", data={"reason": "x"}).status_code == 404
    assert 'data-stage="check"' in rosa.get("/visit").text
