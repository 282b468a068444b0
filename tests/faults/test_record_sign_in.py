"""Signing in at the record service: tokens of twenty seconds for two minutes, then a key that is not accepted.

`python -m pytest tests/faults/test_record_sign_in.py -m soak -n 0`.
"""

import asyncio
from pathlib import Path

import psycopg
import pytest
from joserfc.jwk import ECKey

from telehealth.db.unit import UnitOfWork
from telehealth.records.delivery.rules import Identifier
from tests.kit.fault_proxy import Fault, anywhere_at_random, no_faults
from tests.kit.note_house import NoteHouse, note_house, settled, signing
from tests.kit.signed import MRN, signed_note
from tests.kit.tell import tell

TOKEN_SECONDS, MINUTES = 20, 2
ATTEMPTS = "SELECT attempt, last_status, count(*) FROM record_delivery GROUP BY 1, 2 ORDER BY 1, 2"


def attempts(house: NoteHouse) -> list[tuple[int, int | None, int]]:
    with psycopg.connect(house.postgres.url) as connection:
        return connection.execute(ATTEMPTS).fetchall()


async def sign_each(unit_of_work: UnitOfWork, patients: list[str], *, every: float) -> None:
    for value in patients:
        await asyncio.gather(signed_note(unit_of_work, Identifier(MRN, value)), asyncio.sleep(every))


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_tokens_of_twenty_seconds_last_two_minutes_and_none_is_asked_for_twice(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with note_house(tmp_path, token_seconds=TOKEN_SECONDS) as house:
        patients = house.patients(MINUTES * 60 + 30)
        house.worker.begin()
        house.beat.begin()
        async with signing(house) as unit_of_work:
            await sign_each(unit_of_work, patients[: MINUTES * 60], every=1)
            await settled(house, within=30)
            asked, calls, tried = len(house.proxy.assertions), len(house.proxy.seen), attempts(house)
            tell(request.config, f"{asked} tokens for {calls} requests of two processes; tries, answer, notes: {tried}")
            assert tried == [(1, 201, MINUTES * 60)]
            assert {status for _, path, status in house.proxy.answers if "/auth/" not in path} == {200, 201}
            assert asked <= 2 * (MINUTES * 60 + 30) / (TOKEN_SECONDS * 3 / 4) + 2
            house.proxy.plan = anywhere_at_random(3, 0.3, (Fault.COMMIT_THEN_CUT, Fault.COMMIT_THEN_500))
            await sign_each(unit_of_work, patients[MINUTES * 60 :], every=1)
            house.proxy.plan = no_faults
            await settled(house, within=180)
    assert len(house.proxy.assertions) == len(set(house.proxy.assertions)) > asked


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_wrong_key_rings_once_and_is_tried_once_a_minute(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    wrong = ECKey.generate_key("P-384", auto_kid=True).as_dict(private=True)
    with note_house(tmp_path, key=wrong) as house:
        patients = house.patients(60)
        house.worker.begin()
        house.beat.begin()
        async with signing(house) as unit_of_work:
            await sign_each(unit_of_work, patients, every=0.2)
            await asyncio.sleep(MINUTES * 60)
        asked, alarms = len(house.proxy.assertions), house.log.read_text().count("record-credential-refused")
        calls = len(house.proxy.seen)
        tell(request.config, f"wrong key: {alarms} alarm, {asked} requests for a token and {calls} in all, 60 notes")
        assert alarms == 1
        assert asked <= 2 + MINUTES + 1  # each process at first, then one probe a minute
        house.worker.kill()
        house.use_key(house.records.private_key)
        house.worker.begin()
        await settled(house, within=120)
        assert {status for _, status, _ in attempts(house)} == {201}
        assert house.log.read_text().count("record-credential-refused") == 1
