"""Reading templates: no patient's data, so reading them leaves no trace."""

from uuid import UUID

from sqlalchemy import select

from telehealth.db.unit import Unit
from telehealth.records.templates.models import NoteTemplateRow
from telehealth.records.templates.rules import Phrase, Supply, Template, supply


async def in_force(unit: Unit, visit_type_id: UUID | None) -> Template | None:
    """Of that kind of visit, or the one for all."""
    query = select(NoteTemplateRow).where(
        NoteTemplateRow.visit_type_id.is_not_distinct_from(visit_type_id), NoteTemplateRow.retired_at.is_(None)
    )
    row = await unit.session.scalar(query)
    return None if row is None else template_of(row)


async def supply_for(unit: Unit, visit_type_id: UUID) -> Supply:
    """What the author of a note of such a visit is given."""
    return supply(await in_force(unit, None), await in_force(unit, visit_type_id))


def template_of(row: NoteTemplateRow) -> Template:
    return Template(
        id=row.id,
        visit_type_id=row.visit_type_id,
        version=row.version,
        content=row.content,
        phrases=tuple(Phrase(**each) for each in row.phrases),
        published_at=row.published_at,
    )
