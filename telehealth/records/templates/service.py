"""Publishing what notes begin with."""

from collections.abc import Iterable
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import func, select, update

from telehealth.core.ids import VisitTypeId
from telehealth.db.unit import Unit
from telehealth.records.templates.models import NoteTemplateRow
from telehealth.records.templates.queries import in_force, template_of
from telehealth.records.templates.rules import Phrase, Template, TemplateChanged
from telehealth.scheduling.booking import queries as booking


async def publish(
    unit: Unit, visit_type_id: UUID | None, *, version: int, content: str, phrases: Iterable[Phrase]
) -> Template:
    """The next version for that kind of visit or for all, over the one that was read (0: none).

    Notes that are begun keep what they have. Raises NotFound, TemplateChanged.
    """
    if visit_type_id is not None:
        await booking.visit_type(unit, VisitTypeId(visit_type_id))
    present = await in_force(unit, visit_type_id)
    if version != (present.version if present else 0):
        raise TemplateChanged
    row = NoteTemplateRow
    of_kind = row.visit_type_id.is_not_distinct_from(visit_type_id)
    await unit.session.execute(update(row).where(of_kind, row.retired_at.is_(None)).values(retired_at=unit.now))
    latest = await unit.session.scalar(select(func.coalesce(func.max(row.version), 0)).where(of_kind))
    fresh = NoteTemplateRow(
        id=unit.new_id(),
        visit_type_id=visit_type_id,
        version=(latest or 0) + 1,
        content=content,
        phrases=[asdict(each) for each in phrases],
        published_at=unit.now,
    )
    unit.session.add(fresh)
    await unit.session.flush()
    unit.audit("create", "note_template", fresh.id)
    return template_of(fresh)
