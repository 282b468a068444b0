"""Follow-up tasks are queued, fall due on time, and their owner hears of it by mail and on the board."""

import time

from tests.kit.demo import CLINICIAN, DESK, Demo, eventually
from tests.stories.conftest import FAST

TWO_WEEKS = 14 * 86400 / float(FAST)  # seconds


def test_a_follow_up_in_two_weeks(demo: Demo) -> None:
    """The demo's follow-up time runs fast: two weeks pass in six seconds, and not sooner."""
    with demo.staff(DESK) as desk, demo.staff(CLINICIAN) as clinician:
        visit = demo.book_now(desk, demo.register(desk, "Dora"))["visit"]["id"]
        known = {letter["id"] for letter in demo.letters(CLINICIAN)}
        key = {"Idempotency-Key": f"follow-up-{visit}"}
        started = time.monotonic()
        asked = {"title": "Call about the blood test", "due_in": "2w"}
        planned = clinician.post(f"/v1/visits/{visit}/follow-ups", json=asked, headers=key)
        again = clinician.post(f"/v1/visits/{visit}/follow-ups", json=asked, headers=key)
        assert planned.status_code == 201, planned.text
        assert again.content == planned.content
        task = planned.json()["id"]

        def wanted() -> bool:
            """As the board shows it."""
            return "Call about the blood test" in clinician.get("/day").text

        eventually(wanted)
        assert time.monotonic() - started > TWO_WEEKS
        (letter,) = eventually(
            lambda: [each for each in demo.letters(CLINICIAN) if each["id"] not in known and "/day" in each["text"]][:1]
        )
        assert "blood test" not in letter["subject"] + letter["text"]  # mail is no place for it
        assert clinician.post(f"/v1/follow-ups/{task}/done").status_code == 200
        assert not wanted()
    ((status,),) = demo.rows("SELECT status FROM follow_up_task WHERE id = %s", task)
    assert status == "done"
