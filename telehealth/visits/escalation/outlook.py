"""Visits of the next day that nobody could join, and what the house lacks for all of them."""

from collections.abc import Iterable, Mapping, Sequence

from telehealth.access import queries as access
from telehealth.core.actors import Role
from telehealth.db.unit import Unit
from telehealth.visits.escalation import queries
from telehealth.visits.escalation.queries import ToCome
from telehealth.visits.escalation.rules import (
    Alert,
    AlertKind,
    Closing,
    Fault,
    Subject,
    faults_of,
    looked_at_since,
)
from telehealth.visits.escalation.service import close, raise_alerts, set_alert


async def look_at_house(unit: Unit, lacking: Iterable[Fault]) -> int:
    """One alert for what the house lacks, however many visits that affects; taken back when it is mended, or there is
    no visit to come. Answers whether that changed anything.
    """
    faults = tuple(sorted(lacking))
    affected = await queries.how_many_to_come(unit) if faults else 0
    standing = await queries.of_the_house(unit)
    if standing is not None and affected and faults == standing.faults:
        if affected != standing.affected:
            await set_alert(unit, standing.id, affected=affected)
        return 0
    if standing is not None:
        await close(unit, standing, Closing.AGAIN if affected else Closing.MENDED)
    raised = affected and await raise_alerts(
        unit, AlertKind.HOUSE, [Subject(since=unit.now, affected=affected)], faults
    )
    return int(bool(raised or standing))


async def look_ahead(unit: Unit, after: ToCome | None = None) -> tuple[int, ToCome | None]:
    """Say which visits of the next day could not be joined as things stand, again when one is an hour away, and take
    back what was mended. A page of visits at a time: answers how many alerts that made or closed, and where to go on,
    None at the end.
    """
    page = await queries.to_come(unit, after)
    accounts = {each.person_id for each in await access.staff(unit, Role.CLINICIAN)}
    standing = await queries.unjoinable(unit, [each.visit_id for each in page if each.told])
    changed, fresh = 0, dict[tuple[Fault, ...], list[Subject]]()
    for each in page:
        faults = faults_of(has_link=each.has_link, has_account=each.clinician_id in accounts)
        known = standing.get(each.visit_id)
        if known is not None and not _says_so(unit, each, known, faults):
            await close(unit, known, Closing.AGAIN if faults else Closing.MENDED)
            changed, known = changed + (not faults), None
        if faults and known is None:
            fresh.setdefault(faults, []).append(each.about(unit.now))
    return changed + await _say(unit, fresh), page[-1] if len(page) == queries.PAGE else None


def _says_so(unit: Unit, coming: ToCome, standing: Alert, faults: Sequence[Fault]) -> bool:
    """Whether that is what is wrong, and was said when it was to be said last."""
    counts_from = looked_at_since(coming.starts_at, unit.now)
    return faults == standing.faults and counts_from is not None and standing.raised_at >= counts_from


async def _say(unit: Unit, fresh: Mapping[tuple[Fault, ...], Sequence[Subject]]) -> int:
    return sum([await raise_alerts(unit, AlertKind.UNJOINABLE, about, faults) for faults, about in fresh.items()])
