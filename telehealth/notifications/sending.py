"""The messenger: takes what is due (transaction), sends it (none), settles it (transaction)."""

import asyncio
import logging
from datetime import datetime, timedelta
from typing import assert_never

from telehealth.core.failpoints import Failpoint
from telehealth.http.locales import Locales
from telehealth.http.paging import CursorKey
from telehealth.notifications import devices, providers, service
from telehealth.notifications.channels import reach_of
from telehealth.notifications.headlines import CallDesk, PushDesk
from telehealth.notifications.letters import Desk
from telehealth.notifications.limits import AT_ONCE
from telehealth.notifications.ports import (
    Away,
    Call,
    Caller,
    Came,
    Deferred,
    Mail,
    Mailer,
    MailFrom,
    PublicUrl,
    Push,
    Pusher,
    Refused,
    Sent,
    Text,
    Texter,
    Unreachable,
)
from telehealth.notifications.providers import Turn
from telehealth.notifications.rules import (
    NO_GATEWAY,
    NOWHERE,
    STOPPED,
    TOLD,
    UNTRUE,
    Channel,
    Facts,
    Message,
    NotNow,
    Unsendable,
    Unwritten,
    Withheld,
)
from telehealth.notifications.texts import NoNumber, TextDesk
from telehealth.tasks.work import Work

TRIP_SECONDS = 18.0  # longer than the adapters' own deadlines, within the lease
WATCH = timedelta(seconds=TRIP_SECONDS)  # two of them and a trip are within a sweep's own deadline
LOOK_EVERY = 0.5  # seconds, while others are on their way
WRITERS = 2  # messages read from the database at once: who comes back finds a connection, and is settled at once
CLAIMED, SENT = Failpoint("messages.claimed"), Failpoint("messages.sent")
PROMISING = (Sent, Deferred, Refused)  # of what the push services of several devices answer
Written = Mail | Text | Push | Call | Unsendable | Unwritten | NotNow
log = logging.getLogger(__name__)


async def send_due(work: Work) -> int:
    """Send what is due, by all channels side by side. Answers how many were taken by a server or gateway."""
    return await Round(work).serve()


def relieved_at(now: datetime, place: int) -> datetime:
    """When the sweep of that child ends its watch, half a round apart from its neighbour's: for as long as one waits
    for what a server says nothing of, the other is there for what becomes due. Two watches from now at most.
    """
    since = (timedelta(seconds=now.timestamp()) - WATCH * (place % 2)) % (2 * WATCH)
    return now + 2 * WATCH - since


class Round:
    """Of each channel so many messages are on their way; whoever comes back makes room for the next of that channel,
    and holds up no other.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._reach = reach_of(work.ports)
        self._under_way: dict[asyncio.Task[bool], Message] = {}
        self._look_at = dict.fromkeys(Channel, 0.0)
        self._writers = asyncio.Semaphore(WRITERS)

    async def serve(self) -> int:
        sent, until = 0, relieved_at(self._work.clock.now(), self._work.place)
        try:
            while self._work.clock.now() < until:
                await self._send_off()
                if not self._under_way:
                    break
                sent += await self._come_back()
        finally:  # also when it cannot be told what is due, or this is ended: nobody is left half-way
            sent += sum(await asyncio.gather(*self._under_way))
        return sent

    async def _send_off(self) -> None:
        """Fill the places of each channel, unless it had nothing more a moment ago and others are on their way."""
        now, idle = asyncio.get_running_loop().time(), not self._under_way
        for channel, look_at in self._look_at.items():
            theirs = [each.recipient_id for each in self._under_way.values() if each.channel is channel]
            places = AT_ONCE - len(theirs)
            if places and (idle or look_at <= now):
                rate = self._reach.rates.get(channel)
                turn = await self._work.run(providers.take_turn, channel, rate, most=places, but=theirs)
                if turn.messages:
                    CLAIMED()
                for message in turn.messages:
                    self._under_way[asyncio.create_task(self._carry(message, turn))] = message
                self._look_at[channel] = now if turn.may_leave_some(places) else now + LOOK_EVERY

    async def _come_back(self) -> int:
        back, _ = await asyncio.wait(self._under_way, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
        for each in back:
            del self._under_way[each]
        return sum(each.result() for each in back)

    async def _carry(self, message: Message, turn: Turn) -> bool:
        """Whether it was sent. Raises nothing: one message's fault stops no other."""
        came = await self._came(message) if turn.is_open else Withheld()
        SENT()
        try:
            sent, news = came == Sent(), turn.is_news(came)
            away = not turn.is_open or (news and not sent and await self._is_away(message, came))
            await self._work.run(service.settle, message, came, self._reach, away=away)
            if news and sent:  # what was taken is written down first: nobody may forget that it was
                await self._is_away(message, came)
        except Exception as error:  # noqa: BLE001 -- its lease runs out, and somebody else takes it
            log.error("message %s cannot be settled: %s", message.id, type(error).__name__)  # noqa: TRY400
            return False
        return came == Sent()

    async def _is_away(self, message: Message, came: Came) -> bool:
        """In a transaction of its own: those who take turns wait for nothing else that is settled."""
        standing = await self._work.run(providers.hear, message, came, self._reach.rates.get(message.channel))
        return not standing.allows(self._work.clock.now())

    async def _came(self, message: Message) -> Came:
        came = await self._sent(message, await self._written(message))
        if came not in (Sent(), UNTRUE, STOPPED, TOLD) and not isinstance(came, NotNow):
            log.warning("message %s (%s, %s) not sent: %s", message.id, message.kind, message.channel, came)
        return came

    async def _sent(self, message: Message, written: Written) -> Came:
        try:
            async with asyncio.timeout(TRIP_SECONDS):
                return await self._handed_over(message, written)
        except TimeoutError:
            return Away("TimeoutError")
        except Exception as error:  # noqa: BLE001 -- a fault of ours; it is kept with the row
            return Unwritten(type(error).__name__)

    async def _handed_over(self, message: Message, written: Written) -> Came:
        match written:
            case Mail():
                return await self._work.port(Mailer).send(written)
            case Text():
                return await self._work.port(Texter).send(written)
            case Push():
                return await self._push(message, written)
            case Call():
                return await self._work.port(Caller).send(written)
            case Unsendable() | Unwritten() | NotNow():
                return written
            case never:
                assert_never(never)

    async def _push(self, message: Message, push: Push) -> Came:
        """To all devices of that person at once; those that are gone are forgotten. One that takes it is enough."""
        work, person = self._work, (message.recipient_role, message.recipient_id)
        found = await work.run(devices.devices_of, person)
        answers = await asyncio.gather(*(work.port(Pusher).send(push, each) for each in found))
        for device, answer in zip(found, answers, strict=True):
            if isinstance(answer, Unreachable):
                await work.run(devices.forget_gone, device.id)
        left = [each for each in answers if not isinstance(each, Unreachable)]
        return min(left, key=lambda each: PROMISING.index(type(each)), default=NOWHERE)

    async def _written(self, message: Message) -> Written:
        try:
            async with self._writers:
                facts = await self._work.run(service.gather, message, self._reach)
            return self._words(facts) if isinstance(facts, Facts) else facts
        except NoNumber:
            return NOWHERE
        except Exception as error:  # noqa: BLE001 -- one message's fault stops no other; it is kept with the row
            return Unwritten(type(error).__name__)

    def _words(self, facts: Facts) -> Mail | Text | Push | Call | Unsendable:
        work = self._work
        locales, public_url = work.port(Locales), work.port(PublicUrl)
        match facts.message.channel:
            case Channel.EMAIL:
                desk = Desk(locales=locales, public_url=public_url, mail_from=work.port(MailFrom))
                return desk.write(facts, now=work.clock.now())
            case channel if channel in self._reach.closed:
                return NO_GATEWAY
            case Channel.SMS:
                return TextDesk(locales=locales, public_url=public_url, region=self._reach.region).write(facts)
            case Channel.PUSH:
                return PushDesk(locales=locales, key=work.port(CursorKey)).write(facts, now=work.clock.now())
            case Channel.PHONE:
                return CallDesk(locales=locales, region=self._reach.region).write(facts)
