"""How well media arrived in a call, kept with its visit: a row for each participant and minute, and what staff read."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.ids import ParticipantId, VisitId
from telehealth.db.unit import Unit
from telehealth.video.models import CallMinuteRow
from telehealth.video.quality import Minute
from telehealth.visits.lifecycle import service as visits


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuality:
    """What one participant received. `rtt_ms` is the median of its minutes, `loss` (0 to 1) the mean of all reports;
    `relayed` is the share of reports of media that came over a TURN server.
    """

    participant: ParticipantId
    minutes: int
    rtt_ms: int
    worst_rtt_ms: int
    loss: float
    worst_loss: float
    frozen_seconds: int
    relayed: float


async def keep(unit: Unit, visit_id: VisitId, participant: ParticipantId, minute: Minute) -> None:
    """Adds to what is kept of that minute: a conversation that goes on elsewhere tells the rest of it."""
    row = CallMinuteRow
    sums: dict[str, float] = {"reports": minute.reports, "relayed": minute.relayed, "rtt_ms": minute.rtt_ms}
    sums |= {"loss": minute.loss, "frozen_ms": minute.frozen_ms}
    worst = {"worst_rtt_ms": minute.worst_rtt_ms, "worst_loss": minute.worst_loss}
    new = insert(row).values(visit_id=visit_id, participant_id=participant, minute=minute.at, **sums, **worst)
    added = {name: getattr(row, name) + getattr(new.excluded, name) for name in sums}
    added |= {name: func.greatest(getattr(row, name), getattr(new.excluded, name)) for name in worst}
    keys = ["visit_id", "participant_id", "minute"]
    await unit.session.execute(new.on_conflict_do_update(index_elements=keys, set_=added))


async def read(unit: Unit, visit_id: UUID) -> list[CallQuality]:
    """Of everybody who received media in the call of that visit. Raises NotFound."""
    visit = await visits.open_visit(unit, visit_id)
    row = CallMinuteRow
    query = select(row).where(row.visit_id == visit.id).order_by(row.participant_id, row.minute)
    rows = await unit.session.scalars(query)
    return [
        _summed(ParticipantId(who), list(theirs)) for who, theirs in groupby(rows, lambda each: each.participant_id)
    ]


def _summed(participant: ParticipantId, rows: Sequence[CallMinuteRow]) -> CallQuality:
    reports = sum(each.reports for each in rows)
    return CallQuality(
        participant=participant,
        minutes=len(rows),
        rtt_ms=round(median(each.rtt_ms / each.reports for each in rows)),
        worst_rtt_ms=max(each.worst_rtt_ms for each in rows),
        loss=sum(each.loss for each in rows) / reports,
        worst_loss=max(each.worst_loss for each in rows),
        frozen_seconds=round(sum(each.frozen_ms for each in rows) / 1000),
        relayed=sum(each.relayed for each in rows) / reports,
    )
