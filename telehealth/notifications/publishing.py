"""Publishing the words of messages, and going back to the catalogue's."""

from sqlalchemy import func, select, update

from telehealth.core.errors import NotFound, Stale
from telehealth.db.unit import Unit
from telehealth.notifications import queries
from telehealth.notifications.models import MessageTextRow
from telehealth.notifications.slots import Published, Words
from telehealth.notifications.wording import Fault, UnfitText, Wording


async def publish(
    unit: Unit, words: Words, language: str, wording: Wording, *, version: int, wrong: list[Fault]
) -> Published:
    """The next version over the one that was read (0: the catalogue's); the next message is sent in it.

    `wrong` is what keeps it from being sent. Raises UnfitText, Stale.
    """
    if wrong:
        raise UnfitText(wrong)
    await _retire(unit, words, language, version)
    row = MessageTextRow
    latest = select(func.coalesce(func.max(row.version), 0)).where(*queries.of(words), row.language == language)
    fresh = MessageTextRow(
        id=unit.new_id(),
        kind=words.kind,
        whom=words.whom,
        channel=words.channel,
        language=language,
        version=(await unit.session.scalar(latest) or 0) + 1,
        subject=wording.subject,
        body=wording.body,
        published_at=unit.now,
        published_by=unit.actor.id,
    )
    unit.session.add(fresh)
    await unit.session.flush()
    unit.audit("create", "message_text", fresh.id)
    return (await queries.in_force(unit))[words, language]


async def retire(unit: Unit, words: Words, language: str, *, version: int) -> None:
    """From now on the catalogue's are sent again. Raises NotFound, Stale."""
    found = (await queries.in_force(unit)).get((words, language))
    if found is None:
        raise NotFound
    await _retire(unit, words, language, version)
    unit.audit("delete", "message_text", found.id)


async def _retire(unit: Unit, words: Words, language: str, version: int) -> None:
    row = MessageTextRow
    in_force = (*queries.of(words), row.language == language, row.retired_at.is_(None))
    present = await unit.session.scalar(select(row.version).where(*in_force))
    if version != (present or 0):
        raise Stale
    await unit.session.execute(update(row).where(*in_force).values(retired_at=unit.now))
