"""Connections of devices and observers with the media node: opened, restarted, kept as long as everybody sees their
holder in the room, and ended. A trip to the room or the node is never inside a transaction.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound, Refusal
from telehealth.core.ids import ParticipantId
from telehealth.video import credentials, places, sdp_fragment
from telehealth.video.conversation import Conversation
from telehealth.video.credential import (
    RUNNING,
    Credential,
    CredentialInUse,
    NoMediaNode,
    OfferUnfit,
    Placed,
    Shown,
    Standing,
    WasHeld,
    abandoned,
    media_of,
    standing,
)
from telehealth.video.keeping import House
from telehealth.video.language import Cut, Offer
from telehealth.video.placement import Place
from telehealth.video.ports import Connection, ConnectionGone, MediaAway, MediaRooms, RoomBus, RoomsAway
from telehealth.video.room import MediaState, Mode
from telehealth.video.service import settle_part
from telehealth.visits.lifecycle.parts import StepRefused

FIRST = 1  # of its ICE sessions
AGAIN_SECONDS = 5  # a room that found no place asks again after as long
LOST_SECONDS = 30  # of silence, after which the media node ends a connection


@dataclass(frozen=True, slots=True)
class Begun:
    """A connection, the media node's answer, and the number of its ICE session."""

    id: UUID
    participant: ParticipantId
    sdp: str
    ice: int


async def begin(house: House, shown: Shown, sdp: str) -> Begun:
    """Open the connection of that credential. Raises CredentialInvalid, CredentialInUse, NotAdmitted, VisitOver,
    RoomFull, RoomsAway, WasHeld, OfferUnfit, NoMediaNode.
    """
    run = house.unit_of_work.run
    held = await run(credentials.presented, SYSTEM, shown)
    try:
        await _let_go(house, held)
    except MediaAway:
        raise NoMediaNode(retry_after=AGAIN_SECONDS) from None
    session_id = uuid4()
    entry, held = await run(credentials.claim, SYSTEM, held, session_id)
    conversation = Conversation(house, entry, str(session_id), _unheard)
    try:
        held = await _seated(house, held, conversation)
        answer = await _answered(house, held, conversation, sdp)
    except Refusal as refusal:
        await end(house, held)
        raise NoMediaNode(retry_after=AGAIN_SECONDS) if isinstance(refusal, MediaAway) else refusal from None
    return Begun(session_id, held.participant, answer, FIRST)


async def _let_go(house: House, held: Credential) -> None:
    """Of the connection before. Raises CredentialInUse while it runs: whoever has a copy takes nothing over; WasHeld
    while its holder is on hold; and MediaAway when it is to end and its media node cannot be told.
    """
    if held.session is None:
        return
    if held.session.placed is None and not abandoned(held.session, house.unit_of_work.clock.now()):
        raise CredentialInUse(retry_after=AGAIN_SECONDS)
    if held.session.ending_since is not None:
        await _cut(house, held)
        return
    stands = standing(held, await house.ports.get(RoomBus).look(held.visit_id))
    if stands is Standing.HELD:
        raise WasHeld
    with suppress(ConnectionGone, MediaAway):
        if stands is Standing.SEEN and await _state(house, held) == RUNNING:
            raise CredentialInUse(retry_after=LOST_SECONDS)


async def _seated(house: House, held: Credential, conversation: Conversation) -> Credential:
    """Its holder takes their seat: with the place where their media are to go."""
    await conversation.arrive(None)
    room = await house.ports.get(RoomBus).look(held.visit_id)
    if held.session is None or room.mode is not Mode.NODE:
        raise NoMediaNode(retry_after=AGAIN_SECONDS)
    place = await house.unit_of_work.run(places.standing_place, SYSTEM, held.visit_id, room.epoch)
    placed = Placed(seat=conversation.session, url=place.url, epoch=place.epoch, ice=FIRST)
    return replace(held, session=replace(held.session, placed=placed))


async def _answered(house: House, held: Credential, conversation: Conversation, sdp: str) -> str:
    """The media node's answer. Whoever was put on hold while it answered is not to hear: they are looked at again."""
    heard: list[dict[str, Any]] = []

    async def hear(message: dict[str, Any]) -> None:
        heard.append(message)

    place, _ = _whereabouts(held)
    conversation.tell_by(hear)
    await conversation.say(Offer(1, place.epoch, held.protocol.direction, 1, sdp))
    answer = _answer(heard)
    await house.unit_of_work.run(credentials.settle, SYSTEM, held)
    match standing(held, await house.ports.get(RoomBus).look(held.visit_id)):
        case Standing.HELD:
            raise WasHeld
        case Standing.LOST:
            raise NoMediaNode(retry_after=AGAIN_SECONDS)
        case Standing.SEEN:
            return answer


def _answer(heard: list[dict[str, Any]]) -> str:
    for message in heard:
        match message:
            case {"type": "answer", "sdp": str(sdp)}:
                return sdp
            case {"type": "error", "code": "offer-refused"}:
                raise OfferUnfit
            case {"type": "error", "code": "not-admitted"}:
                raise WasHeld
    raise NoMediaNode(retry_after=AGAIN_SECONDS)


async def restart(house: House, held: Credential, fragment: sdp_fragment.Fragment) -> tuple[str, int]:
    """Restart its ICE: the fragment to answer with, and the number of the ICE session. Raises NotFound, NoMediaNode."""
    nodes, now = house.ports.get(MediaRooms), house.unit_of_work.clock.now()
    if fragment.fragment is None:
        raise sdp_fragment.FragmentMalformed
    place, connection = _whereabouts(held)
    try:
        made = await nodes.restart(place, connection, fragment.fragment, now)
    except ConnectionGone:
        raise NotFound from None
    except MediaAway:
        raise NoMediaNode(retry_after=AGAIN_SECONDS) from None
    ice = await house.unit_of_work.run(credentials.note_restart, SYSTEM, held)
    told = sdp_fragment.render(fragment, fragment=made.fragment, password=made.password, candidates=made.candidates)
    return told, ice


async def end(house: House, held: Credential, *, used_up: bool = False) -> None:
    """Its connection is over at once, and its holder out of the room. Where the media node cannot be told they stay
    listed to everybody, and every sweep tries again, until the node must have ended it by itself.
    """
    if held.session is None:
        return
    run = house.unit_of_work.run
    if held.session.placed is not None:  # also when the room knew nothing of it any more
        try:
            await _cut(house, held)
        except MediaAway:
            if await run(credentials.postpone, SYSTEM, held, used_up=used_up):
                return
    entry, _ = await run(credentials.entry_of, SYSTEM, held)
    await Conversation(house, entry, str(held.session.id), _unheard).leave()
    if not await run(credentials.clear, SYSTEM, held, used_up=used_up):
        return
    with suppress(NotFound, StepRefused):
        await run(settle_part, SYSTEM, held.visit_id, held.participant, in_media=False)


async def look_after(house: House, held: Credential) -> None:
    """The connection goes on if its holder may still be there, everybody sees them there, and the node has it. Whoever
    is on hold keeps their seat without one.

    Raises RoomsAway: then nobody vouches for it.
    """
    if held.session is None:
        return
    now = house.unit_of_work.clock.now()
    entry, welcome = await house.unit_of_work.run(credentials.entry_of, SYSTEM, held)
    if held.session.placed is None:
        if abandoned(held.session, now):
            await end(house, held)
        return
    if held.session.ending_since is not None or not welcome:
        await end(house, held, used_up=held.ended)
        return
    stands = standing(held, await house.ports.get(RoomBus).look(held.visit_id))
    try:
        media = await _media(house, held, stands)
    except ConnectionGone:
        await end(house, held)
    except MediaAway:
        return  # whether that node is dead is found out elsewhere
    else:
        with suppress(RoomsAway):  # or their seat went meanwhile: the next look says which
            await Conversation(house, entry, str(held.session.id), _unheard).attend(media)


async def _media(house: House, held: Credential, stands: Standing) -> MediaState:
    """As the node has them. Of whoever is on hold it has none, whatever it opened after the host had asked for that.

    Raises ConnectionGone, MediaAway.
    """
    if stands is Standing.LOST:
        raise ConnectionGone
    if stands is not Standing.HELD:
        return media_of(await _state(house, held))
    with suppress(MediaAway):
        await _cut(house, held)
    return MediaState.CLOSED


async def _cut(house: House, held: Credential) -> None:
    """Raises MediaAway."""
    place, connection = _whereabouts(held)
    cut = Cut(connection.participant, connection.session, place.epoch, (connection.way,))
    await house.ports.get(MediaRooms).cut(place, cut, house.unit_of_work.clock.now())


async def _state(house: House, held: Credential) -> str:
    place, connection = _whereabouts(held)
    return await house.ports.get(MediaRooms).vouch(place, connection, house.unit_of_work.clock.now())


def _whereabouts(held: Credential) -> tuple[Place, Connection]:
    """Raises ConnectionGone."""
    if held.session is None or held.session.placed is None:
        raise ConnectionGone
    placed = held.session.placed
    connection = Connection(held.participant, placed.seat, held.way)
    return Place(held.visit_id, placed.url, placed.epoch), connection


async def _unheard(_: dict[str, Any]) -> None:
    """Nobody is there to hear it."""
