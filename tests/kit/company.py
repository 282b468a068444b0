"""Companions of a visit: invited, identified, in its waiting room or let in."""

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.db.unit import UnitOfWork
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.participants import guests, service
from telehealth.visits.participants.rules import LINK_PATHS, Companion, Identity
from tests.kit.meetings import Meeting

NAME = "Inés Vidal"


async def companion_of(
    unit_of_work: UnitOfWork, meeting: Meeting, kind: ParticipantKind = ParticipantKind.INTERPRETER, *, let_in: bool
) -> Actor:
    """Somebody who came by their link and waits, or has been let in by the clinician."""
    invited = await unit_of_work.run(
        service.invite, meeting.clinic.front_desk, meeting.visit_id, Companion(kind=kind, name=NAME)
    )
    secret = invited.link.removeprefix(LINK_PATHS[Identity.NAME])
    assert isinstance(await unit_of_work.run(guests.identify_by_name, SYSTEM, secret, NAME), guests.Identified)
    theirs = invited.participant.id
    actor = Actor(theirs, Role.GUEST, SCOPES[Role.GUEST], visit_id=meeting.visit_id)
    await unit_of_work.run(service.attend, actor)
    if let_in:
        await unit_of_work.run(service.admit, meeting.clinician, meeting.visit_id, theirs)
    return actor
