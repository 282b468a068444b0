"""A mailer that keeps what it is given, for tests and for trying the platform. Passes the adapter's contract."""

from collections.abc import Callable
from dataclasses import dataclass, field

from telehealth.notifications.ports import Mail, Outcome, Sent


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
