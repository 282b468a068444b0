"""What is written in a call stays with its visit, sealed, for those who were there."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.db.unit import Unit
from telehealth.video.language import Keep
from telehealth.video.models import ChatMessageRow
from telehealth.video.queries import chat_rows
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle.parts import ParticipantKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    id: UUID
    participant: ParticipantId
    kind: ParticipantKind
    at: datetime
    text: str


async def keep(unit: Unit, visit_id: VisitId, said: Keep) -> None:
    """Keep one message. What is kept already, by session and number, stays as it is."""
    visit = await visits.open_visit(unit, visit_id, action="update")
    message_id = unit.new_id()
    row = {
        "id": message_id,
        "visit_id": visit.id,
        "participant_id": said.speaker.participant,
        "kind": said.speaker.kind,
        "session": said.session,
        "number": said.number,
        "at": unit.now,
        "body": unit.vault.seal(("chat_message", "body", message_id), said.text),
        "heard_by": list(said.heard_by),
    }
    kept = await unit.session.scalar(
        insert(ChatMessageRow).values(row).on_conflict_do_nothing().returning(ChatMessageRow.id)
    )
    if kept is not None:
        unit.audit("create", "chat-message", kept, patient_id=visit.patient_id)


async def read(unit: Unit, visit_id: UUID) -> list[ChatMessage]:
    """What was written in the call: to the clinician of the visit all of it, to others what they were there for.

    Audited. Raises NotFound.
    """
    visit = await visits.open_visit(unit, visit_id)
    reader = None if unit.actor.role is Role.CLINICIAN else unit.actor.id
    if reader is None and unit.actor.role is not Role.CLINICIAN:
        raise NotFound
    rows = await chat_rows(unit, visit.id, None if reader is None else ParticipantId(reader))
    unit.audit("read", "chat-message", None, patient_id=visit.patient_id)
    return [_opened(unit, row) for row in rows]


def _opened(unit: Unit, row: ChatMessageRow) -> ChatMessage:
    return ChatMessage(
        id=row.id,
        participant=ParticipantId(row.participant_id),
        kind=ParticipantKind(row.kind),
        at=row.at,
        text=unit.vault.open(("chat_message", "body", row.id), row.body),
    )
