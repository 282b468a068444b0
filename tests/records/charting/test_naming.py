"""An administrator names who co-signs for whom, on a page."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import ClinicianId
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.people import queries as people
from telehealth.people import service as registration
from telehealth.records.charting import administration
from telehealth.records.charting.routes import PAGES
from tests.kit import by_hand
from tests.kit.by_hand import House, open_by_hand

PAGE = administration.PAGE
OURS = tuple(each for each in PAGES if each.path == PAGE)


@pytest.fixture
async def house(unit_of_work: UnitOfWork, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(by_hand, "EVERYTHING", (*by_hand.EVERYTHING, *OURS))
    async with open_by_hand(unit_of_work, clock) as opened:
        yield opened


async def colleague(house: House, family: str) -> UUID:
    named = await house.unit_of_work.run(
        registration.add_clinician,
        SYSTEM,
        given="Ada",
        family=family,
        prefix="Dr.",
        email=f"{family.lower()}@clinic.example",
        time_zone="Europe/Berlin",
        languages=["en"],
    )
    return named.id


async def supervisors(house: House, trainee: UUID) -> list[UUID]:
    return [each.id for each in await house.unit_of_work.run(people.supervisors, SYSTEM, trainee)]


async def test_who_is_ticked_co_signs_from_now_on(house: House) -> None:
    trainee, first, second = [await colleague(house, name) for name in ("Young", "Older", "Oldest")]
    assert f'href="{PAGE}"' in (await house.admin.get("/admin")).text
    shown = (await house.admin.get(PAGE, params={"clinician": str(trainee)})).text
    assert f'name="{first}" value="yes">' in shown
    assert f'name="{trainee}"' not in shown
    form = {"clinician": str(trainee), "was": "", str(first): "yes", str(second): "yes"}
    done = await house.admin.post(PAGE, data=form)
    assert done.headers["location"] == f"{PAGE}?told=saved"
    assert set(await supervisors(house, trainee)) == {first, second}
    page = (await house.admin.get(PAGE)).text
    assert "<bdi>Dr. Ada Older</bdi>, <bdi>Dr. Ada Oldest</bdi>" in page
    gone = await house.admin.post(PAGE, data={"clinician": str(trainee), "was": f"{first} {second}"})
    assert gone.status_code == 303
    assert await supervisors(house, trainee) == []


async def test_who_is_supervised_supervises_nobody(house: House) -> None:
    trainee, first, second = [await colleague(house, name) for name in ("Young", "Older", "Oldest")]
    await house.unit_of_work.run(registration.replace_supervisors, SYSTEM, ClinicianId(first), [second])
    assert f'name="{first}"' not in (await house.admin.get(PAGE, params={"clinician": str(trainee)})).text
    refused = await house.admin.post(PAGE, data={"clinician": str(trainee), "was": "", str(first): "yes"})
    assert (refused.status_code, 'role="alert"' in refused.text) == (422, True)
    assert await supervisors(house, trainee) == []


async def test_two_administrators_do_not_overwrite_each_other(house: House) -> None:
    trainee, first, second = [await colleague(house, name) for name in ("Young", "Older", "Oldest")]
    await house.unit_of_work.run(registration.replace_supervisors, SYSTEM, ClinicianId(trainee), [second])
    late = await house.admin.post(PAGE, data={"clinician": str(trainee), "was": "", str(first): "yes"})
    assert late.status_code == 409
    assert f'name="{first}" value="yes" checked' in late.text
    assert f'name="was" value="{second}"' in late.text
    assert await supervisors(house, trainee) == [second]
    again = await house.admin.post(PAGE, data={"clinician": str(trainee), "was": str(second), str(first): "yes"})
    assert again.status_code == 303
    assert await supervisors(house, trainee) == [first]


async def test_what_is_no_form_of_ours_is_refused(house: House) -> None:
    trainee = await colleague(house, "Young")
    for typed, status in (
        ({"clinician": str(trainee), "was": "everybody"}, 422),
        ({"clinician": str(trainee), "was": "", "all": "yes"}, 422),
        ({"clinician": str(uuid4()), "was": ""}, 404),
        ({"clinician": str(trainee), "was": "", str(uuid4()): "yes"}, 404),
    ):
        assert (await house.admin.post(PAGE, data=typed)).status_code == status
    assert (await house.admin.get(PAGE, params={"clinician": str(uuid4())})).status_code == 404
    assert (await house.desk.get(PAGE)).status_code == 403
