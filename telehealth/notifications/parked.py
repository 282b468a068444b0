"""What whoever runs the house sees of messages that are not sent: the list, sending again, and a page of both."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.notifications import standstill
from telehealth.notifications.rules import MessageState
from telehealth.notifications.schemas import (
    ChannelBalance,
    StuckMessagesPage,
    StuckMessagesQuery,
    StuckMessagesView,
    StuckMessageView,
)
from telehealth.visits.lifecycle import queries as visits

PATH = "/admin/messages"
SHOWN = 50


async def list_messages(call: Call, query: StuckMessagesQuery) -> StuckMessagesView:
    """What was given up or failed last, the longest due first."""
    return await call.run(_listed, query)


async def redrive_message(call: Call, message: UUID) -> None:
    """Send it again, if it is still true: what was given up, and what waits for its time at once."""
    await call.run(standstill.redrive, message)


async def messages_page(call: Call, query: StuckMessagesPage) -> Response:
    """Every channel in numbers, and what is not sent."""
    return call.render("admin_messages.html", told=query.told, **await call.run(_context, query.after))


async def redrive_message_on_page(call: Call, message: UUID) -> Response:
    """Send one again."""
    await call.run(standstill.redrive, message)
    return call.redirect(f"{PATH}?told=again")


async def _listed(unit: Unit, query: StuckMessagesQuery) -> StuckMessagesView:
    found = await standstill.stuck(unit, after=query.after, limit=query.limit)
    return StuckMessagesView(
        channels=[
            ChannelBalance(
                channel=each.channel, due=each.due, dead=each.dead, oldest_age=_age(each.oldest_due_at, unit.now)
            )
            for each in await standstill.balances(unit)
        ],
        items=[StuckMessageView(**asdict(each) | {"age": _age(each.due_at, unit.now)}) for each in found],
    )


async def _context(unit: Unit, after: UUID | None) -> Mapping[str, Any]:
    reader = await visits.reader(unit)
    found = await standstill.stuck(unit, after=after, limit=SHOWN + 1)
    return {
        "me": reader,
        "zone": reader.time_zone,
        "balances": await standstill.balances(unit),
        "messages": found[:SHOWN],
        "more": found[SHOWN - 1].id if len(found) > SHOWN else None,
        "again": (MessageState.DEAD, MessageState.PENDING),
    }


def _age(since: datetime | None, now: datetime) -> int | None:
    return None if since is None else int((now - since).total_seconds())
