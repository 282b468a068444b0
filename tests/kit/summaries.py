"""After-visit summaries in a database, and the patients who read them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID, uuid4

from telehealth.access.rules import SCOPES, digest, new_secret
from telehealth.core.actors import Actor, Role
from telehealth.db.unit import Unit
from telehealth.followups.board import BoardFollowUps
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.people.rules import Relationship
from telehealth.people.service import Authority, add_related_person
from telehealth.records.after_visit import service
from telehealth.records.after_visit.rules import Release, Wanted
from telehealth.records.charting import queries as charting_read
from telehealth.records.charting import service as charting
from telehealth.records.notes.amendments import Relation
from telehealth.visits.lifecycle.guests import invite
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.lifecycle.queries import find
from telehealth.visits.participants import guests
from tests.kit.visits import Arranged


@dataclass(frozen=True, slots=True)
class ToDo:
    """A task of the patient's, as a neighbour would tell it."""

    title: str
    due_at: datetime
    kind: str = "custom"
    id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True, slots=True)
class Tasks:
    """`PatientTasks` over a fixed list."""

    items: Sequence[ToDo] = ()

    async def for_patient(self, *_: object) -> Sequence[ToDo]:
        return self.items


async def released(unit: Unit, visit_id: UUID, words: str = "Rest.") -> Release:
    """The first signed version of a visit's note, with a few words."""
    return await service.release(unit, visit_id, Wanted(note_version=1, words=words), BoardFollowUps())


BORN = date(1980, 2, 3)  # of whom `arrange_visit` registers


async def signed(unit: Unit, arranged: Arranged, content: str, relation: Relation | None = None) -> None:
    """The note of a visit, or an amendment of it, signed as its clinician does."""
    note = await charting_read.open_note(unit, arranged.visit_id)
    if note.signed_at is not None:
        note = await charting.amend(unit, arranged.visit_id, version=note.version, relation=relation)
    note = await charting.save_draft(unit, arranged.visit_id, version=note.version, content=content, kind=note.kind)
    to, tasks = ["record-service"], CosignatureTasks()
    await charting.sign(unit, arranged.visit_id, version=note.version, destinations=to, tasks=tasks)


async def retracted(unit: Unit, arranged: Arranged, version: int) -> None:
    note = await charting_read.open_note(unit, arranged.visit_id)
    await charting.retract(
        unit,
        arranged.visit_id,
        version=note.version,
        signed=version,
        reason="Wrong patient.",
        destinations=["record-service"],
    )


async def linked(unit: Unit, arranged: Arranged, kind: ParticipantKind = ParticipantKind.PATIENT) -> str:
    """The secret of a personal link to the visit: of its patient, or of who acts for them."""
    visit = await find(unit, arranged.visit_id)
    if kind is ParticipantKind.PATIENT:
        return await guests.invite(unit, visit, kind, arranged.patient_id)
    secret, row_id = new_secret(), unit.new_id()
    authority = Authority(given="Marta", family="Example", relationship=Relationship.REPRESENTATIVE)
    person = await add_related_person(unit, arranged.patient_id, authority)
    row = {"id": row_id, "visit_id": visit.id, "role": kind, "person_id": person.id, "link_hash": digest(secret)}
    await invite(unit, [row])
    return secret


async def entered(unit: Unit, secret: str) -> tuple[Actor, str]:
    """Who came by that link and knows the date of birth, and the page they are led to."""
    found = await guests.identify_guest(unit, secret, BORN)
    assert isinstance(found, guests.Identified), found
    theirs, visit = found.participant, found.visit
    scopes = SCOPES[Role.PATIENT]
    actor = Actor(theirs.id, Role.PATIENT, scopes, person_id=visit.patient_id, visit_id=visit.id)
    return actor, found.page
