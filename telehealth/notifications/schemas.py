"""What comes in from outside: texts that a gateway brings, and forms of those who are written to."""

from typing import Annotated

from pydantic import Field

from telehealth.http.schemas import Message
from telehealth.notifications.rules import Channel
from telehealth.notifications.wishes import Purpose


class TextedBack(Message):
    """One text that came back, by a gateway of the plain kind; `from` is E.164."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    sender: Annotated[str, Field(alias="from", pattern=r"^\+[1-9][0-9]{3,14}$")]
    text: Annotated[str, Field(max_length=2000)]


class TextAnswer(Message):
    """What to text back; null for nothing."""

    reply: str | None


class WishesForm(Message):
    """Which purposes are wanted at each address, and what comes first. A box that is not ticked is not sent, so
    `shown` says what addresses there were boxes for.
    """

    shown: Annotated[list[Channel], Field(min_length=1)]
    email: list[Purpose] = Field(default_factory=list)
    sms: list[Purpose] = Field(default_factory=list)
    first: Channel | None = None

    def wanted(self, channel: Channel) -> frozenset[Purpose]:
        return frozenset(self.email if channel is Channel.EMAIL else self.sms)
