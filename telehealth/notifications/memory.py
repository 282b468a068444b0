"""Who keeps what they are given, for tests and for trying the platform. Pass the contracts of the adapters."""

from collections.abc import Callable
from dataclasses import dataclass, field

from telehealth.notifications.ports import Call, Device, Mail, Outcome, Push, Sent, Text


@dataclass(slots=True)
class MemoryMailer:
    """`answer` may refuse a mail in the server's place; what it does not take is not kept."""

    sent: list[Mail] = field(default_factory=list)
    answer: Callable[[Mail], Outcome] = lambda _: Sent()

    async def send(self, mail: Mail) -> Outcome:
        outcome = self.answer(mail)
        if isinstance(outcome, Sent):
            self.sent.append(mail)
        return outcome


@dataclass(slots=True)
class MemoryTexter:
    """The same for text messages."""

    sent: list[Text] = field(default_factory=list)
    answer: Callable[[Text], Outcome] = lambda _: Sent()
    region: str = "US"

    async def send(self, text: Text) -> Outcome:
        outcome = self.answer(text)
        if isinstance(outcome, Sent):
            self.sent.append(text)
        return outcome


@dataclass(slots=True)
class MemoryPusher:
    """The same for notifications, each with its device."""

    sent: list[tuple[Push, Device]] = field(default_factory=list)
    answer: Callable[[Device], Outcome] = lambda _: Sent()
    key: str = "BA"

    def takes(self, endpoint: str) -> bool:
        return endpoint.startswith("https://")

    async def send(self, push: Push, device: Device) -> Outcome:
        outcome = self.answer(device)
        if isinstance(outcome, Sent):
            self.sent.append((push, device))
        return outcome


@dataclass(slots=True)
class MemoryCaller:
    """The same for calls."""

    sent: list[Call] = field(default_factory=list)
    answer: Callable[[Call], Outcome] = lambda _: Sent()

    async def send(self, call: Call) -> Outcome:
        outcome = self.answer(call)
        if isinstance(outcome, Sent):
            self.sent.append(call)
        return outcome
