"""A call captioned: real pages, a real media node, an engine on loopback. Who agrees, who reads what, what ends it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import psycopg
import pytest
from playwright.async_api import Browser

from telehealth.db.unit import UnitOfWork
from telehealth.video.room import Tap
from tests.kit.call_process import Behind, running_web
from tests.kit.calls import Side, chromium, open_companion, open_side
from tests.kit.company import companion_of
from tests.kit.media_process import running_node
from tests.kit.meetings import Meeting
from tests.kit.nodes import a_node_reports
from tests.kit.patience import until
from tests.kit.signalling import behind
from tests.kit.speech_engine import SpeechEngine, speech_engine

pytestmark = pytest.mark.browser
ON = "window.room?.captions?.on === true"
ASKED = "window.room?.captions?.waits_for.includes(room.you.participant)"
OVER = "window.room && !window.room.captions"
ENDS_WITHIN = 2.0  # seconds, for whoever comes later and has not been asked yet
# A microphone that hears beeps of one height, in place of the browser's own.
BEEPS = """(() => {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    const context = new AudioContext({ sampleRate: 48000 });
    const tone = new OscillatorNode(context, { frequency: HEIGHT });
    const volume = new GainNode(context, { gain: 0 });
    const microphone = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    tone.connect(volume).connect(microphone);
    tone.start();
    setInterval(() => {
      volume.gain.setValueAtTime(0.3, context.currentTime);
      volume.gain.setValueAtTime(0, context.currentTime + 0.5);
    }, 1200);
    return new MediaStream([...microphone.stream.getAudioTracks(), ...stream.getVideoTracks()]);
  };
})()"""
ALPHA, BRAVO, CHARLIE = 500, 1000, 2000


def beeps(height: int) -> str:
    return BEEPS.replace("HEIGHT", str(height))


@dataclass
class Captioned:
    """The clinician and the patient in a call, and the engine of their house."""

    host: Side
    patient: Side
    browser: Browser
    web: Behind
    meeting: Meeting
    engine: SpeechEngine
    database: str

    async def begin(self) -> None:
        for side in (self.host, self.patient):
            await side.becomes("connected")
        await self.host.until("window.captioning === true")
        await self.host.do('call.say("caption_request", { on: true })')
        await self.patient.until(ASKED)
        assert self.engine.octets == 0
        await self.agree(self.patient)
        for side in (self.host, self.patient):
            await side.until(ON)

    async def agree(self, side: Side, *, given: bool = True) -> None:
        await side.do(f'call.say("consent", {{ captions: room.captions.id, given: {str(given).lower()} }})')

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.database) as connection:
            return connection.execute(query).fetchall()


async def reads(side: Side, speaker: Side, words: str) -> None:
    """Waits until that page is told that the person of the other page has said so."""
    person = await speaker.do("room.you.participant")
    said = f'({{type, final, participant, text}}) => final && participant === "{person}" && text === "{words}"'
    await side.until(f"window.captions.some({said})")


async def others(side: Side) -> list[str]:
    return [
        str(each)
        for each in await side.do(
            "[...new Set(captions.filter(({ type }) => type === 'caption').map(({ text }) => text))]"
        )
    ]


@pytest.fixture
async def captioned(database: str, valkey: str, meeting: Meeting, unit_of_work: UnitOfWork) -> AsyncIterator[Captioned]:
    companion = await companion_of(unit_of_work, meeting, let_in=True)
    async with speech_engine() as engine:
        with running_node({"TELEHEALTH_CAPTIONS_URL": engine.url}) as node:
            await a_node_reports(unit_of_work, node.url)
            web = behind(database, valkey, meeting, companion, grant_key=node.private, captions=True)
            with running_web(web):
                async with chromium() as browser:
                    host = await open_side(browser, web, meeting, host=True, script=beeps(ALPHA))
                    patient = await open_side(browser, web, meeting, host=False, script=beeps(BRAVO))
                    yield Captioned(host, patient, browser, web, meeting, engine, database)


async def test_three_people_read_each_other_until_one_takes_it_back(captioned: Captioned) -> None:
    """What each says is told to all under their name; who comes later is asked before anybody is heard further; a
    consent that is taken back ends it for all, and nothing is heard or told from then on.
    """
    await captioned.begin()
    await reads(captioned.patient, captioned.host, "alpha")
    await reads(captioned.host, captioned.patient, "bravo")
    third = await open_companion(captioned.browser, captioned.web, captioned.meeting, script=beeps(CHARLIE))
    await third.until(ASKED)
    await captioned.host.until("room.captions.on === false")
    await asyncio.sleep(ENDS_WITHIN)  # a renewal of before they came may be under way
    await until(lambda: captioned.engine.open == 0)
    octets = captioned.engine.octets
    await third.until("window.faces?.().length === 2 && faces().every((frames) => frames > 5)")
    assert captioned.engine.octets == octets
    assert await others(third) == []
    await captioned.agree(third)
    for side in (captioned.host, captioned.patient):
        await reads(side, third, "charlie")
    await reads(third, captioned.host, "alpha")
    assert set(await others(captioned.patient)) == {"alpha", "bravo", "charlie"}
    await captioned.agree(captioned.patient, given=False)
    for side in (captioned.host, captioned.patient, third):
        await side.until(OVER)
    await until(lambda: captioned.engine.open == 0)
    octets, told = captioned.engine.octets, await captioned.host.do("captions.length")
    await asyncio.sleep(2)  # in which everybody goes on to speak
    assert (captioned.engine.octets, await captioned.host.do("captions.length")) == (octets, told)
    kept_of(captioned)


def kept_of(captioned: Captioned) -> None:
    """That it was, and who agreed; and not a word of it."""
    [(started, stopped, why)] = captioned.rows("SELECT started_at, stopped_at, why FROM captioning")
    assert started is not None
    assert (stopped is not None, why) == (True, "declined")
    consents = captioned.rows("SELECT given_at IS NOT NULL, withdrawn_at IS NOT NULL FROM captioning_consent")
    assert sorted(consents) == [(True, False), (True, False), (True, True)]
    traces = captioned.rows(f"SELECT action, entity FROM audit_event WHERE entity LIKE '{Tap.CAPTIONS}%'")  # noqa: S608
    assert sorted(traces) == [
        ("create", "captions"),
        *[("create", "captions-consent")] * 3,
        ("delete", "captions-consent"),
        ("update", "captions"),
    ]


async def test_an_engine_that_dies_is_told_of_and_the_call_goes_on(captioned: Captioned) -> None:
    await captioned.begin()
    await reads(captioned.patient, captioned.host, "alpha")
    await captioned.engine.stop()
    for side in (captioned.host, captioned.patient):
        await side.until("captions.at(-1)?.available === false")
        await side.sees_the_other()
    await captioned.engine.start()
    await captioned.host.until("captions.some(({ available }) => available === true)")
    await captioned.patient.do("captions.splice(0)")
    await reads(captioned.patient, captioned.host, "alpha")
