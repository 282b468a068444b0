"""A record service in memory, for tests and for trying the platform without one. Passes the adapter's contract."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from telehealth.records.delivery.ports import Document, Found, Missing
from telehealth.records.delivery.rules import Accepted, Answer, Differs, Duplicated, Identifier, Unresolved

Fault = Callable[[Document], Answer | None]


@dataclass
class MemoryRecordService:
    """`patients` may hold an identifier twice, as real services do.

    `before` and `after` may answer in place of the service: before anything is kept, or after it was kept and the
    answer got lost.
    """

    patients: list[Identifier] = field(default_factory=list)
    kept: list[Document] = field(default_factory=list)
    before: Fault = lambda _: None
    after: Fault = lambda _: None

    async def deliver(self, document: Document, *, search_first: bool) -> Answer:  # noqa: ARG002 -- its search never lags
        found = await self.find(document)
        if not isinstance(found, Missing):
            return found
        fault = self.before(document)
        if fault is not None:
            return fault
        self.kept.append(document)
        return self.after(document) or Accepted(str(len(self.kept)), "1")

    async def find(self, document: Document) -> Found:
        matches = self.patients.count(document.patient)
        if matches != 1:
            return Unresolved("Patient", matches)
        key = document.identifiers.version
        return _judge(document, [(i, each) for i, each in enumerate(self.kept, 1) if each.identifiers.version == key])


def _judge(document: Document, found: Iterable[tuple[int, Document]]) -> Found:
    match list(found):
        case []:
            return Missing()
        case [(number, kept)] if (kept.sha256, kept.patient) == (document.sha256, document.patient):
            return Accepted(str(number), "1", status=200)
        case [(number, _)]:
            return Differs(str(number))
        case several:
            return Duplicated(len(several))
