"""Who may open what in which room: grants, epochs, limits, later offers. No media flows here."""

import asyncio
import gc
import re
from dataclasses import replace
from typing import Any, cast
from uuid import uuid4
from weakref import ref

import pytest

from telehealth.core.errors import NotFound
from telehealth.core.grants import GrantKind, MediaSessionId, Place
from telehealth.media.node import NodeFull, OfferMalformed, SessionExists
from telehealth.media.publisher import Publisher
from telehealth.media.rooms import BEAT_SECONDS, EpochPast, RoomLimits
from telehealth.media.secure import SecureChannel
from telehealth.media.subscriber import Subscriber
from telehealth.media.transport import Ending, Patience, Transport
from tests.kit.freed import alive, uncollected
from tests.kit.guests import ROOM, guests, open_rooms, room_grant
from tests.kit.lone_peer import lone_peer
from tests.kit.offers import FINGERPRINT, audio, data, offer, video
from tests.kit.patience import PATIENCE, until

SEND, RECEIVE = GrantKind.SEND, GrantKind.RECEIVE
UP = offer(audio("0"), video("1", simulcast=True))
DOWN = offer(audio("0", "recvonly"), video("1", "recvonly"))


def directions(answer: str) -> list[str]:
    return re.findall(r"^a=(sendonly|recvonly|inactive)\r$", answer, re.MULTILINE)


def ufrag(answer: str) -> str:
    return str(re.findall(r"^a=ice-ufrag:(\S+)", answer, re.MULTILINE)[0])


async def test_who_receives_is_shown_who_sends() -> None:
    async with open_rooms() as rooms:
        assert directions(rooms.open(room_grant(SEND, "ann"), UP)) == ["recvonly", "recvonly"]
        answer = rooms.open(room_grant(RECEIVE, "bob"), DOWN)
        assert directions(answer) == ["sendonly", "sendonly"]
        assert "a=msid:ann audio-0" in answer
        assert "a=msid:ann video-0" in answer


async def test_a_picture_is_asked_for_when_it_can_be_sent() -> None:
    """Not before: it would come too early, be lost, and not be asked for again at once."""
    async with open_rooms() as rooms, guests(rooms, "ann", "bob") as (ann, bob):
        await ann.send(video=True)
        shown = next(each for key, each in rooms.tracks(ROOM).items() if key.kind == "video")
        (source,) = shown.track.sources
        rooms.open(room_grant(RECEIVE, "cas"), DOWN)
        await asyncio.sleep(BEAT_SECONDS * 20)
        assert source.requests.asked == 0
        assert not source.requests.wanted
        await bob.receive("audio", "video")
        assert await bob.sees("video")
        assert source.requests.asked > 0


async def test_nobody_is_shown_to_themselves_or_to_another_room() -> None:
    async with open_rooms() as rooms:
        rooms.open(room_grant(SEND, "ann"), UP)
        assert directions(rooms.open(room_grant(RECEIVE, "ann"), DOWN)) == ["inactive", "inactive"]
        elsewhere = room_grant(RECEIVE, "bob", place=Place(room="other", epoch=1))
        assert directions(rooms.open(elsewhere, DOWN)) == ["inactive", "inactive"]


async def test_a_later_offer_shows_who_came_since() -> None:
    async with open_rooms() as rooms:
        grant = room_grant(RECEIVE, "bob")
        first = rooms.open(grant, DOWN)
        rooms.open(room_grant(SEND, "ann"), UP)
        rooms.open(room_grant(SEND, "cas"), UP)
        more = offer(audio("0", "recvonly"), video("1", "recvonly"), audio("2", "recvonly"), video("3", "recvonly"))
        answer = rooms.renew(grant, more)
        assert directions(answer) == ["sendonly"] * 4
        assert re.findall(r"a=msid:(\S+ \S+)", answer) == ["ann audio-0", "ann video-0", "cas audio-0", "cas video-0"]
        assert ufrag(answer) == ufrag(first)
        versions = [re.findall(r"^o=- (\d+) (\d+)", text, re.MULTILINE)[0] for text in (first, answer)]
        assert versions == [(versions[0][0], "1"), (versions[0][0], "2")]


async def test_another_fragment_is_an_ice_restart() -> None:
    async with open_rooms() as rooms:
        grant = room_grant(SEND, "ann")
        first = rooms.open(grant, UP)
        again = rooms.renew(grant, UP.replace("a=ice-ufrag:abcd", "a=ice-ufrag:efgh"))
        assert ufrag(again) != ufrag(first)
        assert ufrag(rooms.renew(grant, UP.replace("a=ice-ufrag:abcd", "a=ice-ufrag:efgh"))) == ufrag(again)


async def test_another_certificate_is_another_connection() -> None:
    async with open_rooms() as rooms:
        grant = room_grant(SEND, "ann")
        rooms.open(grant, UP)
        with pytest.raises(OfferMalformed):
            rooms.renew(grant, UP.replace(FINGERPRINT, FINGERPRINT.replace("AB", "CD")))


async def test_a_past_epoch_is_refused_everywhere() -> None:
    async with open_rooms() as rooms:
        session = MediaSessionId(uuid4())
        old, new = Place(room="room", epoch=4), Place(room="room", epoch=5)
        rooms.open(room_grant(SEND, "ann", place=old, session=session), UP)
        rooms.open(room_grant(SEND, "bob", place=new), UP)
        for act in (rooms.open, rooms.renew):
            with pytest.raises(EpochPast):
                act(room_grant(SEND, "ann", place=old, session=session), UP)
        with pytest.raises(EpochPast):
            rooms.view(room_grant(SEND, "ann", place=old, session=session))
        with pytest.raises(EpochPast):
            await rooms.close(room_grant(SEND, "ann", place=old, session=session))
        with pytest.raises(NotFound):
            rooms.view(room_grant(SEND, "ann", place=new, session=session))
        await until(lambda: rooms.stats().sessions == 1)  # what was left of the past epoch is ended


async def test_an_epoch_stays_past_when_the_room_is_empty() -> None:
    async with open_rooms() as rooms:
        grant = room_grant(SEND, "ann", place=Place(room="room", epoch=5))
        rooms.open(grant, UP)
        await rooms.close(grant)
        assert rooms.stats().rooms == 0
        with pytest.raises(EpochPast):
            rooms.open(room_grant(SEND, "ann", place=Place(room="room", epoch=4)), UP)


async def test_an_epoch_stays_past_when_the_next_one_came_to_nothing() -> None:
    async with open_rooms() as rooms:
        old, new = Place(room="room", epoch=4), Place(room="room", epoch=5)
        grant = room_grant(SEND, "ann", place=old)
        rooms.open(grant, UP)
        with pytest.raises(OfferMalformed):
            rooms.open(room_grant(SEND, "bob", place=new), "v=0")
        await until(lambda: rooms.stats().sessions == 0)  # the grant told that the room has moved on
        with pytest.raises(EpochPast):
            rooms.open(room_grant(SEND, "ann", place=old), UP)


async def test_a_session_is_its_participants() -> None:
    async with open_rooms() as rooms:
        mine = room_grant(SEND, "ann")
        rooms.open(mine, UP)
        theirs = room_grant(SEND, "bob", session=mine.session)
        for act in (rooms.view, lambda grant: rooms.renew(grant, UP)):
            with pytest.raises(NotFound):
                act(theirs)
        with pytest.raises(NotFound):
            await rooms.close(theirs)
        with pytest.raises(SessionExists):
            rooms.open(theirs, UP)
        assert rooms.view(mine).state == "new"


async def test_a_grant_to_receive_does_not_send() -> None:
    async with open_rooms() as rooms:
        assert directions(rooms.open(room_grant(RECEIVE, "ann"), UP)) == ["inactive", "inactive"]
        assert directions(rooms.open(room_grant(RECEIVE, "bob"), DOWN)) == ["inactive", "inactive"]
        assert directions(rooms.open(room_grant(SEND, "cas"), DOWN)) == ["inactive", "inactive"]


async def test_what_cannot_be_used_leaves_nothing() -> None:
    async with open_rooms() as rooms:
        for text in ("", "v=0", offer(data("0")).replace("a=setup:actpass", "a=setup:passive")):
            with pytest.raises(OfferMalformed):
                rooms.open(room_grant(SEND, "ann"), text)
        assert (rooms.stats().sessions, rooms._mux._fragments) == (0, {})


async def test_a_full_node_and_a_participant_with_too_many() -> None:
    async with open_rooms(limits=RoomLimits(sessions=3, sessions_each=2)) as rooms:
        for _ in range(2):
            rooms.open(room_grant(SEND, "ann"), UP)
        with pytest.raises(NodeFull):
            rooms.open(room_grant(SEND, "ann"), UP)
        rooms.open(room_grant(SEND, "bob"), UP)
        with pytest.raises(NodeFull):
            rooms.open(room_grant(SEND, "cas"), UP)


async def test_nobody_comes() -> None:
    async with open_rooms(patience=Patience(setup=0.05)) as rooms:
        rooms.open(room_grant(SEND, "ann"), UP)
        await until(lambda: (rooms.stats().sessions, rooms.stats().rooms) == (0, 0))
        assert rooms.stats().endings == {Ending.NOBODY_CAME: 1}


async def test_a_second_connection_takes_over_when_it_is_up() -> None:
    """A reload of the page, or a network that changed: the old connection goes when the new one is there."""
    async with open_rooms() as rooms, guests(rooms, "ann", "ann", "bob") as (ann, again, bob):
        await ann.send()
        await bob.receive("audio")
        assert await bob.sees("audio", 20)
        await again.send()
        assert await bob.sees("audio", 50)
        await until(lambda: rooms.stats().endings == {Ending.CLOSED: 1})
        with pytest.raises(NotFound):
            rooms.view(ann.up_grant)
        assert rooms.view(again.up_grant).state == "connected"


class Broken:
    """A side of a session but for its beat."""

    def __init__(self, side: Any) -> None:
        self._side = side

    def __getattr__(self, name: str) -> Any:
        return getattr(self._side, name)

    def beat(self, now: float) -> None:
        raise ValueError(now)


async def test_a_session_that_fails_ends_and_the_others_go_on(escaped: list[str]) -> None:
    """What one participant's browser says must never stop the beat of all: reports, keyframes, repairs."""
    async with open_rooms() as rooms, guests(rooms, "ann", "bob") as (ann, bob):
        await ann.send()
        await bob.send()
        session = rooms._rooms["room"].sessions[ann.up_grant.session]
        session.side = cast("Publisher", Broken(session.side))
        await until(lambda: rooms.stats().endings == {Ending.FAILED: 1})
        assert rooms._beat is not None
        before = rooms._beat.when()
        await until(lambda: rooms._beat and rooms._beat.when() > before)
        assert rooms.stats().sessions == 1
    assert escaped == []


async def test_who_sent_what_could_not_be_accounted_for_is_ended_alone(escaped: list[str]) -> None:
    async with open_rooms() as rooms, guests(rooms, "ann", "bob") as (ann, bob):
        await ann.send()
        await bob.send()
        session = rooms._rooms["room"].sessions[ann.up_grant.session]
        cast("Publisher", session.side)._link.fail(1)
        await until(lambda: rooms.stats().endings == {Ending.FAILED: 1})
        assert rooms.stats().sessions == 1
    assert escaped == []


async def test_what_sctp_still_says_to_a_browser_that_closed_is_no_error(escaped: list[str]) -> None:
    async with open_rooms() as rooms, lone_peer() as peer:
        grant = room_grant(SEND, peer.fragment)
        assert await peer.accept(rooms.open(grant, peer.offer(audio("0"), data("1"))))
        secure = rooms._rooms["room"].sessions[grant.session].transport._secure
        await until(lambda: secure.srtp is not None)
        connection = secure._dtls._ssl
        assert connection is not None
        connection.shutdown()
        await secure._dtls._send_data(b"late")
    assert escaped == []


async def test_rooms_leave_nothing(escaped: list[str]) -> None:
    async with open_rooms() as rooms:
        tasks = len(asyncio.all_tasks())
        for _ in range(20):
            grant = room_grant(SEND, "ann")
            rooms.open(grant, UP)
            await rooms.close(grant)
        await until(lambda: len(asyncio.all_tasks()) == tasks)
        assert (rooms._rooms, rooms._mux._fragments) == ({}, {})
    assert escaped == []


async def test_a_connection_that_has_to_be_vouched_for_ends_when_nobody_does() -> None:
    assert await lasts(0.3) or await lasts(3) or await lasts(10)  # a busy machine may vouch late


async def lasts(vouched: float) -> bool:
    """Whether a connection outlives so many seconds, twice, while it is vouched for; then nobody does."""
    loop = asyncio.get_running_loop()
    async with open_rooms(patience=Patience(vouched=vouched, setup=PATIENCE)) as rooms:
        grant = replace(room_grant(RECEIVE, "observer"), vouched=True)
        lasting = room_grant(RECEIVE, "bob")
        rooms.open(lasting, DOWN)
        rooms.open(grant, DOWN)
        end = loop.time() + 2 * vouched
        while loop.time() < end and not rooms.endings:
            assert rooms.view(grant).state == "new"
            await asyncio.sleep(vouched / 8)
        kept = not rooms.endings
        while not rooms.endings:
            rooms.view(replace(grant, vouched=False))  # looking alone does not keep it
            await asyncio.sleep(0.05)
        assert rooms.endings == {Ending.UNVOUCHED: 1}
        with pytest.raises(NotFound):
            rooms.view(grant)
        assert rooms.view(lasting).state == "new"
        return kept


async def test_ice_is_restarted_without_an_offer() -> None:
    async with open_rooms() as rooms:
        grant = room_grant(SEND, "camera")
        first = rooms.open(grant, UP)
        made = rooms.restart(grant, "again")
        assert made.fragment != ufrag(first)
        assert len(made.password) >= 22
        assert made.candidates[0].startswith("a=candidate:1 1 udp ")
        assert made.candidates[-1] == "a=end-of-candidates"
        with pytest.raises(NotFound):
            rooms.restart(room_grant(SEND, "other"), "again")


@pytest.mark.parametrize("kind", [SEND, RECEIVE])
async def test_a_connection_that_is_over_is_freed_at_once(kind: GrantKind) -> None:
    kinds = (Publisher, Subscriber, Transport, SecureChannel)
    async with open_rooms() as rooms, lone_peer() as peer:
        grant = room_grant(kind, "ann")
        sections = (audio("0"), video("1")) if kind is SEND else (audio("0", "recvonly"), video("1", "recvonly"))
        rooms.open(room_grant(SEND, "bob"), UP)
        gc.collect()
        before = alive(*kinds)
        assert await peer.accept(rooms.open(grant, peer.offer(*sections)))
        await until(lambda: rooms.view(grant).state == "connected")
        dtls = rooms._rooms["room"].sessions[grant.session].transport._secure._dtls
        held: list[ref[object]] = [ref(dtls), ref(dtls._ssl)]
        del dtls
        with uncollected():
            await rooms.close(grant)
            await until(lambda: alive(*kinds) == before)
            assert [each() for each in held] == [None, None]
