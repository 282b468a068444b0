"""What conversations ask again and again; it leaves no trace, because it tells nothing but that something changed."""

from sqlalchemy import any_, select

from telehealth.core.ids import ParticipantId, VisitId
from telehealth.db.unit import Unit
from telehealth.video.models import ChatMessageRow
from telehealth.visits.lifecycle.parts import LET_IN
from telehealth.visits.lifecycle.queries import visit_version
from telehealth.visits.participants import queries as participants


async def call_version(unit: Unit, visit_id: VisitId, participant_id: ParticipantId) -> str:
    """Changes whenever the actor's right to be in the call may have. Raises NotFound for whoever is out."""
    version = await visit_version(unit, visit_id)
    theirs = await participants.participant(unit, participant_id)
    return f"{version}-{theirs.state in LET_IN}"


async def chat_rows(unit: Unit, visit_id: VisitId, reader: ParticipantId | None) -> list[ChatMessageRow]:
    """What was written in the call of a visit, in order; with a reader, what they were there for."""
    row = ChatMessageRow
    theirs = () if reader is None else (any_(row.heard_by) == reader,)
    query = select(row).where(row.visit_id == visit_id, *theirs).order_by(row.at, row.number, row.id)
    return list(await unit.session.scalars(query))
