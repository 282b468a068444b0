"""A record service in memory, for tests and for trying the platform without one. Passes the adapter's contract."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from telehealth.records.delivery.findings import Copy, Seen
from telehealth.records.delivery.ports import Document, Found, Missing, VisitState
from telehealth.records.delivery.profiles import ResourceType
from telehealth.records.delivery.rules import Accepted, Answer, Differs, Duplicated, Identifier, Unresolved
from telehealth.records.notes.amendments import DocumentStatus, Relation

Fault = Callable[[Document], Answer | None]


@dataclass
class MemoryRecordService:
    """`patients` may hold an identifier twice, as real services do; `standing` is what is not current any more, by id.

    `before` and `after` may answer in place of the service: before anything is kept, or after it was kept and the
    answer got lost.
    """

    patients: list[Identifier] = field(default_factory=list)
    kept: list[Document] = field(default_factory=list)
    standing: dict[str, DocumentStatus] = field(default_factory=dict)
    visits: dict[tuple[ResourceType, Identifier], VisitState] = field(default_factory=dict)
    before: Fault = lambda _: None
    after: Fault = lambda _: None

    async def deliver(self, document: Document, *, search_first: bool) -> Answer:  # noqa: ARG002 -- its search never lags
        found = await self.find(document)
        if not isinstance(found, Missing) and document.relation is not Relation.RETRACTS:
            return found
        fault = self.before(document)
        if fault is not None:
            return fault
        if document.relation is Relation.RETRACTS:
            self.standing |= dict.fromkeys(document.affected, DocumentStatus.ENTERED_IN_ERROR)
            return self.after(document) or Accepted("".join(document.affected[-1:]), "2", status=200)
        self.kept.append(document)
        if document.relation is Relation.REPLACES:
            self.standing |= dict.fromkeys(document.affected, DocumentStatus.SUPERSEDED)
        return self.after(document) or Accepted(str(len(self.kept)), "1")

    async def find(self, document: Document) -> Found:
        matches = self.patients.count(document.patient)
        if matches != 1:
            return Unresolved("Patient", matches)
        key = document.identifiers.version
        found = [(i, each) for i, each in enumerate(self.kept, 1) if each.identifiers.version == key]
        if len(found) == 1 and str(found[0][0]) in self.standing:
            return Differs(str(found[0][0]))
        return _judge(document, found)

    async def look(self, document: Document) -> Seen | Answer:
        key = document.identifiers.version
        found = [(str(i), each) for i, each in enumerate(self.kept, 1) if each.identifiers.version == key]
        return Seen(
            tuple(
                Copy(self.standing.get(i, DocumentStatus.CURRENT), kept.sha256 == document.sha256) for i, kept in found
            )
        )

    async def write(self, visit: VisitState) -> Answer:
        matches = self.patients.count(visit.patient)
        if matches != 1:
            return Unresolved("Patient", matches)
        key = (visit.resource_type, visit.visit)
        there = self.visits.get(key)
        if there is not None and there.patient != visit.patient:
            return Differs(visit.visit.value)
        self.visits[key] = visit
        return Accepted(visit.visit.value, "1", status=201 if there is None else 200)

    async def look_at(self, visit: VisitState) -> Seen | Answer:
        there = self.visits.get((visit.resource_type, visit.visit))
        return Seen() if there is None else Seen((Copy(there.written_status, there.patient == visit.patient),))


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
