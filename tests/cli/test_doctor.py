"""What `telehealth doctor` says of the speech engine."""

import asyncio

from telehealth.cli.doctor import examine_captions
from tests.kit.speech_engine import speech_engine


async def test_an_engine_that_answers_and_one_that_does_not() -> None:
    async with speech_engine() as engine:
        found = await asyncio.to_thread(examine_captions, engine.url)
        assert (found.is_ok, found.detail) == (True, "the speech engine answers")
        assert engine.paths == ["/en"]
    lost = examine_captions(engine.url)
    assert (lost.is_ok, lost.detail) == (False, "the speech engine does not answer (ConnectionRefusedError)")
    assert "TELEHEALTH_CAPTIONS_URL" in lost.fix
