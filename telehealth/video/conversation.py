"""One conversation with one browser, whatever carries it: its place in the room, and what the room asks to be done."""

import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from telehealth.core.actors import SYSTEM, Role
from telehealth.core.errors import NotFound, Overloaded, Refusal
from telehealth.core.ids import VisitId
from telehealth.db.unit import DatabaseFault
from telehealth.video import chat, places, queries, samples, service
from telehealth.video.keeping import House, Keeping
from telehealth.video.keeping_captions import KeepingCaptions
from telehealth.video.keeping_recordings import KeepingRecordings
from telehealth.video.language import (
    Answer,
    Arrived,
    Ask,
    Beat,
    Bye,
    Command,
    Cut,
    Dropped,
    Effect,
    Event,
    Finish,
    FreshIce,
    Full,
    Keep,
    KeepConsent,
    LetIn,
    Measured,
    Negotiate,
    NoSeat,
    Pause,
    Placed,
    Promote,
    PutOut,
    Release,
    Report,
    Resume,
    Said,
    Send,
    Stats,
    Taken,
    TapRequest,
    Task,
)
from telehealth.video.ports import (
    Delivery,
    IceServers,
    MediaAway,
    MediaRooms,
    OfferRefused,
    Recorders,
    RoomBus,
    RoomsAway,
)
from telehealth.video.quality import Minute, minute_of
from telehealth.video.room import MediaState, Room, Tap, Together
from telehealth.video.rules import NotAdmitted, RoomFull, SeatTaken
from telehealth.video.service import Entry, settle_media, settle_part, still_open
from telehealth.video.turn import RENEW_AFTER, ice_servers
from telehealth.visits.lifecycle.parts import StepRefused
from telehealth.visits.lifecycle.rules import NotNow, VisitStatus

log = logging.getLogger("telehealth.video")
LAST_COMMAND = 2**53  # after every number a browser can count to
TO_TELL: Mapping[Together, frozenset[VisitStatus]] = {
    Together.NOT_YET: frozenset(),
    Together.CONNECTED: frozenset({VisitStatus.ADMITTING, VisitStatus.INTERRUPTED}),
    Together.LOST: frozenset({VisitStatus.IN_PROGRESS}),
}
Message = dict[str, Any]
Tell = Callable[[Message], Awaitable[None]]


class Conversation:
    """`tell` carries a message to the browser. A Refusal that leaves a function here ends the conversation."""

    def __init__(self, house: House, entry: Entry, connection: str, tell: Tell) -> None:
        self._entry, self._connection, self._tell = entry, connection, tell
        self._unit_of_work, self._ports = house.unit_of_work, house.ports
        self._bus = house.ports.get(RoomBus)
        self._visit, self._admitted, self._version = entry.visit, True, ""
        self._in_media = False
        self._credentials_at = self.now()
        self.session = ""
        self._minute: Minute | None = None
        self._kept_days = house.ports.get(Recorders).kept_for.days
        self._captions = KeepingCaptions(house, entry.visit.id, self._apply, (entry.who.participant, self._tell_reader))
        self._keepings: Mapping[Tap, Keeping[Any]] = {
            Tap.RECORDING: KeepingRecordings(house, entry.visit.id, self._apply),
            Tap.CAPTIONS: self._captions,
        }

    @property
    def visit_id(self) -> VisitId:
        return self._visit.id

    def now(self) -> datetime:
        return self._unit_of_work.clock.now()

    async def arrive(self, resume: Resume | None) -> Message:
        """The welcome. Raises SeatTaken, RoomFull."""
        fresh = secrets.token_urlsafe(12)
        epoch = await self._unit_of_work.run(places.present_epoch, SYSTEM, self._visit.id)
        event = Arrived(self.now(), self._connection, fresh, self._entry.who, self._admitted, resume, epoch=epoch)
        welcome: Message = {}

        async def catch(message: Message) -> None:
            welcome.update(message)

        tell, self._tell = self._tell, catch
        try:
            await self._apply(event)
        finally:
            self._tell = tell
        self.session = welcome["session"]
        self._hear(welcome)
        if welcome["resumed"]:
            self._captions.go_on()
        records, captioning = self._keepings[Tap.RECORDING].offered, self._captions.offered
        offered = {"records": records, "kept_days": self._kept_days, "captioning": captioning}
        return {**welcome, **offered, "ice_servers": self._ice_servers()}

    def tell_by(self, tell: Tell) -> None:
        self._tell = tell

    async def sit_again(self) -> None:
        """Go on in the seat that an earlier poll took. Raises SeatTaken when it is another window's now, RoomsAway when
        the room knows nothing of it.
        """
        room = await self._bus.look(self._visit.id)
        seat = room.of(self._entry.who.participant)
        if seat is None or seat.connection is None:
            raise RoomsAway
        if seat.connection != self._connection:
            raise SeatTaken
        self.session = seat.session
        self._look_at(room)
        self._captions.go_on()

    def keepers(self) -> list[Coroutine[Any, Any, None]]:
        """Each for ever: while a recording or captions are on, what takes them is told to go on."""
        return [each.keep() for each in self._keepings.values()]

    async def say(self, command: Command) -> None:
        if isinstance(command, TapRequest) and command.on and not self._keepings[command.tap].offered:
            await self._tell({"type": "error", "code": f"no-{command.tap}", "id": command.id})
            return
        room = await self._apply(Said(self.now(), self._connection, command))
        if not isinstance(command, Bye):
            await self._tell_visit(room)

    async def beat(self) -> None:
        """Still here. Raises what the visit says meanwhile: NotFound, VisitOver."""
        await self._look()
        await self._tell_visit(await self._apply(Beat(self.now(), self._connection, self._admitted)))
        if self.now() - self._credentials_at > RENEW_AFTER:
            await self._tell_ice()

    async def attend(self, media: MediaState) -> None:
        """For who has no socket to say it: still here, with media as the node sees them."""
        room = await self._apply(Beat(self.now(), self._connection, admitted=True))
        seat = room.of_connection(self._connection)
        if seat is not None and seat.inside and seat.media is not media:
            await self.say(Report(seat.ack + 1, media, epoch=room.epoch))

    async def drop(self) -> None:
        """The socket is gone. The seat stays for a while, and media do not notice; unless the last one hung up."""
        await self.keep_minute()
        with suppress(RoomsAway, NotNow):
            outcome = await self._bus.apply(self._visit.id, Dropped(self.now(), self._connection))
            if outcome.room.together is Together.LOST:
                await self._unit_of_work.run(settle_media, SYSTEM, self._visit.id, Together.LOST)

    def hears(self, delivery: Delivery, known: int) -> bool:
        """Whether this goes to our browser; not a state that is older than the welcome, which was newer."""
        old_news = delivery.seq <= known and delivery.message["type"] == "state"
        if delivery.to == self.session and not old_news:
            self._hear(delivery.message)
        return self.dismissed_by(delivery) or (delivery.to == self.session and not old_news)

    def dismissed_by(self, delivery: Delivery) -> bool:
        """Whether this is the last we hear: the seat is another window's."""
        return delivery.to == self._connection

    def _hear(self, message: Mapping[str, Any]) -> None:
        for each in self._keepings.values():
            each.hear(message)

    def _look_at(self, room: Room) -> None:
        for each in self._keepings.values():
            each.look(room)

    async def _tell_reader(self, message: Message) -> None:
        await self._tell(message)

    # What the room asks

    async def _apply(self, event: Event) -> Room:
        outcome = await self._bus.apply(self._visit.id, event)
        for effect in outcome.effects:
            await self._perform(effect)
        self._look_at(outcome.room)
        return outcome.room

    async def _perform(self, effect: Effect) -> None:
        match effect:
            case Send():
                return  # on its way
            case Answer(message):
                await self._tell(dict(message))
            case NoSeat():
                raise RoomsAway
            case Taken():
                raise SeatTaken
            case Full():
                raise RoomFull
            case _:
                await self._do(effect)

    async def _do(self, task: Task) -> None:
        match task:
            case Keep():
                await self._unit_of_work.run(chat.keep, self._entry.actor, self._visit.id, task)
            case LetIn() | PutOut():
                await self._obey_host(task)
            case FreshIce():
                await self._tell_ice()
            case Measured(stats):
                await self._measure(stats)
            case Negotiate():
                await self._negotiate(task)
            case Promote() | Release() | Cut():
                await self._arrange(task)
            case Ask() | KeepConsent() | Pause() | Finish():
                await self._keepings[task.taking.tap].perform(self._entry.actor, task)

    async def _measure(self, stats: Stats) -> None:
        at = minute_of(self.now())
        if self._minute is not None and self._minute.at != at:
            await self.keep_minute()
        self._minute = (self._minute or Minute(at)).having(stats)

    async def keep_minute(self) -> None:
        """What was measured in the present minute is kept with the visit; without it the call goes on all the same."""
        minute, self._minute = self._minute, None
        if minute is not None:
            try:
                await self._unit_of_work.run(samples.keep, SYSTEM, self._visit.id, self._entry.who.participant, minute)
            except (DatabaseFault, Overloaded) as fault:
                log.warning("a minute of visit %s is not kept: %s", self._visit.id, fault)

    async def _obey_host(self, task: LetIn | PutOut) -> None:
        """As the host, by the visit's own rules; what these refuse is answered with their slug."""
        act = service.let_in if isinstance(task, LetIn) else service.put_out
        answer: Message = {"type": "ack", "id": task.id}
        try:
            await self._unit_of_work.run(act, self._entry.actor, self._visit.id, task.participant)
        except (NotFound, NotNow, StepRefused) as refusal:
            answer = _error(task.id, refusal)
        await self._tell(answer)

    async def _negotiate(self, task: Negotiate) -> None:
        offer, nodes = task.offer, self._ports.get(MediaRooms)
        try:
            place = await self._unit_of_work.run(places.standing_place, SYSTEM, self._visit.id, offer.epoch)
            sdp = await nodes.negotiate(place, task, self.now())
        except (MediaAway, OfferRefused) as refusal:
            await self._tell(_error(offer.id, refusal))
        else:
            said = {"id": offer.id, "epoch": offer.epoch, "direction": offer.direction, "sdp": sdp}
            await self._tell({"type": "answer", **said})

    async def _arrange(self, task: Promote | Release | Cut) -> None:
        """Of the media node. What does not work now is asked for again, or runs out by itself."""
        run, visit_id = self._unit_of_work.run, self._visit.id
        match task:
            case Promote(epoch):
                place = await run(places.find_place, SYSTEM, visit_id, above=epoch)
                if place is not None:
                    await self._apply(Placed(self.now(), place.epoch))
            case Release(epoch):
                await run(places.release, SYSTEM, visit_id, epoch)
            case Cut():
                with suppress(MediaAway):
                    place = await run(places.standing_place, SYSTEM, visit_id, task.epoch)
                    await self._ports.get(MediaRooms).cut(place, task, self.now())

    # The visit

    async def _look(self) -> None:
        """Whether the visit still lets this person in: an ended visit ends the conversation, and so does whoever puts
        a participant out.
        """
        try:
            await self._look_again()
        except NotFound:
            await self.leave()
            raise

    async def _look_again(self) -> None:
        actor, visit_id = self._entry.actor, self._visit.id
        version = await self._unit_of_work.run(queries.call_version, actor, visit_id, self._entry.who.participant)
        if version == self._version:
            return
        try:
            self._visit = await self._unit_of_work.run(still_open, actor, visit_id)
            self._admitted = True
        except NotAdmitted:
            self._admitted = False
        self._version = version

    async def leave(self) -> None:
        """As if they had hung up: the others see nobody, and close what connects them."""
        with suppress(RoomsAway):
            await self._apply(Said(self.now(), self._connection, Bye(LAST_COMMAND)))

    async def _tell_visit(self, room: Room) -> None:
        if self._visit.status in TO_TELL[room.together]:
            with suppress(NotNow):  # the other side's conversation was faster
                self._visit = await self._unit_of_work.run(settle_media, SYSTEM, self._visit.id, room.together)
        await self._tell_part(room)

    async def _tell_part(self, room: Room) -> None:
        """How a companion is doing stands with the visit too."""
        who, seat = self._entry.who, room.of_connection(self._connection)
        in_media = seat is not None and seat.media is MediaState.CONNECTED
        if who.role is not Role.GUEST or in_media is self._in_media:
            return
        self._in_media = in_media
        with suppress(NotFound, StepRefused):
            await self._unit_of_work.run(settle_part, SYSTEM, self._visit.id, who.participant, in_media=in_media)

    async def _tell_ice(self) -> None:
        await self._tell({"type": "ice", "ice_servers": self._ice_servers()})

    def _ice_servers(self) -> list[dict[str, Any]]:
        self._credentials_at = self.now()
        servers = self._ports.get(IceServers)
        return [each.model_dump() for each in ice_servers(servers, self._entry.who.participant, self._credentials_at)]


def _error(number: int, refusal: Refusal) -> Message:
    return {"type": "error", "code": refusal.slug, "id": number}
