"""Captions at the node between aiortc peers, of an engine that knows a word for each height of a beep."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from telehealth.core.errors import NotFound
from telehealth.core.grants import GrantKind, MediaGrant, MediaSessionId, Place
from telehealth.media.captioner import Captioner, Voice
from telehealth.media.captions import Captions, CaptionsOff
from telehealth.media.engine import EngineLine
from telehealth.media.hearing import BYTES_A_SECOND, Hearing
from telehealth.media.node import SessionExists
from telehealth.media.rooms import Rooms
from telehealth.media.schemas import Caption
from telehealth.media.sending import Outgoing
from tests.kit.beeps import Beeps
from tests.kit.freed import alive, uncollected
from tests.kit.guests import Guest, guests, open_rooms, room_grant
from tests.kit.patience import until
from tests.kit.speech_engine import SpeechEngine, speech_engine

ALPHA, BRAVO = 500, 1000


class Captioning:
    """Captions of the room, kept alive like a web process does: `lines` is all that it was told."""

    def __init__(self, captions: Captions) -> None:
        self.captions, self.id, self.session = captions, str(uuid4()), MediaSessionId(uuid4())
        self.speakers = {"ann": "en", "bob": "es"}
        self.lines: list[Caption] = []
        self.state = ""
        self.renewing = True
        self._keeper: asyncio.Task[None] | None = None

    def open(self) -> None:
        self.captions.open(self._grant(), self.speakers)
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    def close(self) -> None:
        self.captions.close(self._grant())

    def renew(self) -> None:
        self.captions.renew(self._grant(), self.speakers, None)

    def words(self, participant: str) -> list[str]:
        return [each.text for each in self.lines if each.participant == participant and each.final]

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self) -> None:
        number = 0
        while True:
            if self.renewing:
                view = self.captions.renew(self._grant(), self.speakers, number)
            else:
                view = self.captions.view(self._grant(), number)
            self.lines += view.lines
            self.state = view.state
            number = view.number
            await asyncio.sleep(0.1)

    def _grant(self) -> MediaGrant:
        return room_grant(GrantKind.CAPTION, self.id, session=self.session)


@asynccontextmanager
async def captioning(rooms: Rooms, engine: SpeechEngine) -> AsyncIterator[Captioning]:
    captions = Captions(rooms, engine.url)
    made = Captioning(captions)
    try:
        yield made
    finally:
        await made.stop()
        captions.shut_down()
        await until(lambda: engine.open == 0 or not engine.reads)


async def speak(guest: Guest, height: int) -> Beeps:
    beeps = Beeps(height)
    await guest.send(sound=beeps)
    return beeps


async def test_each_is_heard_in_their_own_words(escaped: list[str]) -> None:
    """At the rate the engine was told, in the language of who speaks; first begun, then whole, then the next."""
    async with (
        open_rooms() as rooms,
        guests(rooms, "ann", "bob") as (ann, bob),
        speech_engine() as engine,
        captioning(rooms, engine) as made,
    ):
        await asyncio.gather(speak(ann, ALPHA), speak(bob, BRAVO))
        made.open()
        await until(lambda: len(made.words("ann")) >= 2 and len(made.words("bob")) >= 2)
        assert (set(made.words("ann")), set(made.words("bob"))) == ({"alpha"}, {"bravo"})
        assert [each.final for each in made.lines if each.participant == "ann"][:4] == [False, True, False, True]
        numbers = [each.number for each in made.lines]
        assert numbers == sorted(set(numbers))
        assert sorted(engine.paths) == ["/en", "/es"]
        assert {"sample_rate": 16_000, "language": "es"} in engine.configs
    assert escaped == []


async def test_one_who_has_not_agreed_stops_it_for_all() -> None:
    async with (
        open_rooms() as rooms,
        guests(rooms, "ann", "eve") as (ann, eve),
        speech_engine() as engine,
        captioning(rooms, engine) as made,
    ):
        await speak(ann, ALPHA)
        made.open()
        await until(lambda: made.words("ann"))
        await speak(eve, BRAVO)
        await until(lambda: made.state == "paused" and engine.open == 0)
        octets, lines = engine.octets, len(made.lines)
        await asyncio.sleep(1.2)  # more than a beep
        assert (engine.octets, len(made.lines)) == (octets, lines)
        assert "bravo" not in engine.said
        made.speakers["eve"] = "en"
        await until(lambda: made.words("eve"))


async def test_what_nobody_renews_hears_no_more_and_goes_on_when_somebody_does() -> None:
    async with (
        open_rooms() as rooms,
        guests(rooms, "ann") as (ann,),
        speech_engine() as engine,
        captioning(rooms, engine) as made,
    ):
        await speak(ann, ALPHA)
        made.open()
        await until(lambda: made.words("ann"))
        made.renewing = False
        await until(lambda: made.state == "paused" and engine.open == 0)
        octets, before = engine.octets, len(made.words("ann"))
        await asyncio.sleep(1.2)
        assert engine.octets == octets
        made.renewing = True
        await until(lambda: len(made.words("ann")) > before)


async def test_after_its_end_nothing_is_heard_and_it_does_not_begin_again() -> None:
    async with (
        open_rooms() as rooms,
        guests(rooms, "ann") as (ann,),
        speech_engine() as engine,
        captioning(rooms, engine) as made,
    ):
        await speak(ann, ALPHA)
        made.open()
        await until(lambda: made.words("ann"))
        await made.stop()
        made.close()
        await until(lambda: engine.open == 0)
        octets = engine.octets
        await asyncio.sleep(1.2)
        assert engine.octets == octets
        with pytest.raises(NotFound):
            made.renew()
        with pytest.raises(SessionExists):
            made.open()


async def test_an_engine_that_dies_is_told_of_and_comes_back(escaped: list[str]) -> None:
    async with (
        open_rooms() as rooms,
        guests(rooms, "ann", "bob") as (ann, bob),
        speech_engine() as engine,
        captioning(rooms, engine) as made,
    ):
        await speak(ann, ALPHA)
        await bob.receive("audio")
        made.open()
        await until(lambda: made.words("ann"))
        await engine.stop()
        await until(lambda: made.state == "away")
        assert await bob.sees("audio", 25)
        await engine.start()
        before = len(made.words("ann"))
        await until(lambda: made.state == "running" and len(made.words("ann")) > before)
    assert escaped == []


NONSENSE = (
    '{"partial": ',
    "[" * 60_000,
    '{"text": "' + "a" * 60_000 + '"}',
    '{"text": ' + "9" * 50_000 + "}",
    '{"text": "\\u0000\\ud800 \\u202eevil\\u2066"}',
    b"\xff\xfe\x00",
    '{"text": ["a"], "partial": {}}',
    "null",
    "NaN",
)


@pytest.mark.parametrize("answer", NONSENSE, ids=range(len(NONSENSE)))
async def test_whatever_it_says_harms_nobody(answer: str | bytes, escaped: list[str]) -> None:
    async with (
        open_rooms() as rooms,
        guests(rooms, "ann", "bob") as (ann, bob),
        speech_engine(speech=lambda _, __: answer) as engine,
        captioning(rooms, engine) as made,
    ):
        await speak(ann, ALPHA)
        await bob.receive("audio")
        made.open()
        await until(lambda: engine.octets > 32_000)
        assert await bob.sees("audio", 25)
        assert all(len(each.text) <= 500 and each.text.isprintable() for each in made.lines)
        [each.model_dump_json().encode() for each in made.lines]
    assert escaped == []


async def test_what_waits_for_an_engine_is_bounded_and_the_oldest_is_dropped() -> None:
    line = EngineLine("ws://127.0.0.1:9", "en", lambda _: None)
    for _ in range(100):
        line.feed(bytes(BYTES_A_SECOND // 10))
    await until(lambda: line.away)
    assert line.dropped == 7 * BYTES_A_SECOND
    line.close()
    await line.closed()


async def test_one_that_takes_nothing_holds_up_nobody(escaped: list[str]) -> None:
    async with (
        open_rooms() as rooms,
        guests(rooms, "ann", "bob") as (ann, bob),
        speech_engine(reads=False) as engine,
        captioning(rooms, engine) as made,
    ):
        await speak(ann, ALPHA)
        await bob.receive("audio")
        made.open()
        await until(lambda: engine.open == 1)
        assert await bob.sees("audio", 100)
        assert made.lines == []
    assert escaped == []


async def test_it_is_of_one_place_and_needs_an_engine() -> None:
    async with (
        open_rooms() as rooms,
        guests(rooms, "ann") as (ann,),
        speech_engine() as engine,
        captioning(rooms, engine) as made,
    ):
        await ann.send()
        made.open()
        await until(lambda: made.state == "running")
        elsewhere = room_grant(GrantKind.CAPTION, made.id, session=made.session, place=Place(room="room", epoch=2))
        with pytest.raises(NotFound):
            made.captions.view(elsewhere, None)
        with pytest.raises(CaptionsOff):
            Captions(rooms, "").open(room_grant(GrantKind.CAPTION, made.id), {"ann": "en"})


async def test_what_it_held_is_freed_at_its_end() -> None:
    kinds = (Captioner, Voice, Outgoing, Hearing)
    async with (
        open_rooms() as rooms,
        guests(rooms, "ann") as (ann,),
        speech_engine() as engine,
        captioning(rooms, engine) as made,
    ):
        await speak(ann, ALPHA)
        made.open()
        await until(lambda: made.words("ann"))
        await made.stop()
        assert alive(*kinds).keys() >= {"Captioner", "Voice", "Outgoing"}
        with uncollected():
            made.close()
            await until(lambda: not alive(*kinds))
