"""Signalling through real web processes: two of them, one visit, one Valkey."""

from collections.abc import AsyncIterator, Sequence

import pytest
from websockets.exceptions import InvalidStatus

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound
from telehealth.db.unit import UnitOfWork
from telehealth.video.service import issue_ticket
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle.rules import VisitStatus
from telehealth.visits.participants import service as participants
from tests.kit.call_process import Behind, running_web
from tests.kit.meetings import Meeting, status_becomes
from tests.kit.signalling import Talker, behind, listed, socket_to, talking, ticket_from

OFFER = {"type": "offer", "sdp": "v=0\r\n"}
CANDIDATE = {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0}


@pytest.fixture
async def webs(database: str, valkey: str, meeting: Meeting) -> AsyncIterator[Sequence[Behind]]:
    with running_web(behind(database, valkey, meeting), behind(database, valkey, meeting)) as processes:
        yield processes


async def test_a_call_across_two_web_processes(
    webs: Sequence[Behind], meeting: Meeting, unit_of_work: UnitOfWork
) -> None:
    one, other = webs
    async with talking(one, meeting, host=True) as host:
        assert host.welcome["peers"] == []
        assert host.welcome["ice_servers"] == []
        async with talking(other, meeting, host=False) as guest:
            state = await host.hear("state")
            assert listed(state) == [("patient", "present")]
            generation = state["generation"]
            assert generation == guest.welcome["generation"]

            await _hear_each_other(host, guest, generation)

            # The visit is in progress when both sides say that media run, and not before.
            await host.say("media_state", generation=generation, state="connected")
            await host.hear("ack")
            await status_becomes(unit_of_work, meeting.visit_id, VisitStatus.ADMITTING)
            await guest.say("media_state", generation=generation, state="connected")
            await status_becomes(unit_of_work, meeting.visit_id, VisitStatus.IN_PROGRESS)

            # A broken socket: the other side learns of it, what was said meanwhile is not lost.
            seen = guest.welcome["seq"]
            await guest.break_off()
        assert listed(await host.hear("state")) == [("patient", "away")]
        await host.say("chat", text="Are you there?")
        resume = {"session": guest.welcome["session"], "last_seq": seen}
        async with talking(one, meeting, host=False, resume=resume) as guest:
            assert guest.welcome["resumed"] is True
            assert guest.welcome["ack"] == 3
            assert (await guest.hear("chat"))["text"] == "Are you there?"

            # A second window takes over from the first.
            async with talking(other, meeting, host=False) as second:
                code, _, heard = await guest.ended()
                assert (code, heard[-1]["reason"]) == (4409, "replaced")
                assert second.welcome["generation"] == generation + 1

                # Hanging up ends nothing; the clinician does, and both sockets hear it at once.
                await host.say("bye")
                assert (await host.ended())[0] == 1000
                assert (await second.hear("state"))["peers"] == []
                await status_becomes(unit_of_work, meeting.visit_id, VisitStatus.INTERRUPTED)
                await unit_of_work.run(visits.end, meeting.clinician, meeting.visit_id)
                code, _, heard = await second.ended()
                assert (code, heard[-1]["reason"]) == (4410, "ended")


async def test_a_call_that_both_hang_up_is_interrupted_and_goes_on_when_they_come_back(
    webs: Sequence[Behind], meeting: Meeting, unit_of_work: UnitOfWork
) -> None:
    for _ in range(2):
        async with talking(webs[0], meeting, host=True) as host, talking(webs[1], meeting, host=False) as guest:
            for talker in (host, guest):
                await talker.say("media_state", generation=guest.welcome["generation"], state="connected")
            await status_becomes(unit_of_work, meeting.visit_id, VisitStatus.IN_PROGRESS)
            await host.say("bye")
            assert (await host.ended())[0] == 1000
            await guest.say("bye")
            assert (await guest.ended())[0] == 1000
        await status_becomes(unit_of_work, meeting.visit_id, VisitStatus.INTERRUPTED)


async def _hear_each_other(host: Talker, guest: Talker, generation: int) -> None:
    """What one says the other hears, and nothing comes back but the acknowledgement."""
    number = await host.say("description", generation=generation, description=OFFER)
    assert (await host.hear("ack"))["id"] == number
    assert (await guest.hear("description"))["description"] == OFFER
    await guest.say("candidate", generation=generation, candidate=CANDIDATE)
    assert (await host.hear("candidate"))["candidate"] == {**CANDIDATE, "usernameFragment": None}
    await guest.say("chat", text="¿Me oye?")
    assert (await host.hear("chat"))["text"] == "¿Me oye?"
    await host.say("description", generation=generation - 1, description=OFFER)
    assert (await host.hear("error"))["code"] == "stale-generation"
    await host.put({"type": "admit"})
    assert (await host.hear("error"))["code"] == "invalid-message"
    await host.put({"type": "ping"})
    await host.hear("pong")


async def test_what_does_not_get_in(database: str, valkey: str, meeting: Meeting) -> None:
    with running_web(behind(database, valkey, meeting)) as (web,):
        await _what_does_not_get_in(web, meeting)


async def _what_does_not_get_in(web: Behind, meeting: Meeting) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        async with socket_to(web, origin="https://elsewhere.example"):
            pass
    used = await ticket_from(web, meeting, host=True)
    async with socket_to(web) as first:
        await first.put({"type": "hello", "v": 1, "ticket": used})
        await first.hear("welcome")
        for hello, code in (
            ({"type": "hello", "v": 1, "ticket": used}, 4401),
            ({"type": "hello", "v": 2, "ticket": used}, 4400),
            ({"type": "chat", "id": 1, "text": "hello"}, 4400),
        ):
            async with socket_to(web) as talker:
                await talker.put(hello)
                assert (await talker.ended())[0] == code
        for number in range(21):
            await first.put({"type": "state", "seq": number})
        assert (await first.ended())[0] == 4400


async def test_a_process_that_dies_takes_no_room_with_it(database: str, valkey: str, meeting: Meeting) -> None:
    one, other = behind(database, valkey, meeting), behind(database, valkey, meeting)
    with running_web(one):
        with running_web(other):
            async with talking(other, meeting, host=False) as guest:
                await guest.break_off()
        async with talking(one, meeting, host=True) as host:
            assert listed(host.welcome) == [("patient", "away")]
            resume = {"session": guest.welcome["session"], "last_seq": guest.welcome["seq"]}
            async with talking(one, meeting, host=False, resume=resume) as back:
                assert back.welcome["resumed"] is True


async def test_who_is_put_out_is_out_of_the_call(
    webs: Sequence[Behind], meeting: Meeting, unit_of_work: UnitOfWork
) -> None:
    async with talking(webs[0], meeting, host=True) as host, talking(webs[1], meeting, host=False) as guest:
        assert listed(await host.hear("state")) == [("patient", "present")]
        theirs = meeting.patient.id
        assert theirs is not None
        await unit_of_work.run(participants.revoke, SYSTEM, meeting.visit_id, theirs)
        code, reason, _ = await guest.ended()  # at the next beat; pages of the house are told at once
        assert (code, reason) == (4404, "not-found")
        assert (await host.hear("state"))["peers"] == []
    with pytest.raises(NotFound):
        await unit_of_work.run(issue_ticket, meeting.patient, meeting.visit_id)
