"""Places of rooms on media nodes, as rows: who reports, who has which room, what has to move."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.ids import VisitId
from telehealth.db.unit import Unit
from telehealth.video import placement
from telehealth.video.models import MediaLeaseRow, MediaNodeRow
from telehealth.video.placement import Lease, Node, Place, Reports, Standing
from telehealth.video.ports import MediaAway

FORGOTTEN_AFTER = timedelta(hours=1)
KEPT_FOR = timedelta(days=2)  # longer than any visit: epochs only rise


@dataclass(frozen=True, slots=True)
class Moved:
    """A place that no longer stands, and the one the room has now: None when no node has headroom."""

    visit_id: VisitId
    old_epoch: int
    why: Standing
    place: Place | None


async def note_reports(unit: Unit, reports: Reports) -> None:
    """Nodes as they are. Forgotten is who has not reported for an hour, and at once who is known to be dead: nobody is
    there any more, or somebody else.
    """
    row = MediaNodeRow
    for node in reports.nodes:
        values = {"url": node.url, "reported_at": node.reported_at, "load": node.load, "draining": node.draining}
        new = insert(row).values(name=node.name, **values)
        await unit.session.execute(new.on_conflict_do_update(index_elements=[row.name], set_=values))
    others = row.url.in_([node.url for node in reports.nodes]) & row.name.not_in([node.name for node in reports.nodes])
    dead = others | row.url.in_(reports.deserted) | (row.reported_at < unit.now - FORGOTTEN_AFTER)
    await unit.session.execute(delete(row).where(dead))


async def find_place(unit: Unit, visit_id: VisitId, *, above: int) -> Place | None:
    """A place for the room with an epoch above that one, the same for all who ask at once; None without headroom."""
    nodes = await _nodes(unit)
    row = await unit.session.get(MediaLeaseRow, visit_id, with_for_update=True)
    lease = None if row is None else _lease(row)
    found = placement.place(visit_id, lease, nodes, unit.now, above=above)
    if found is None:
        return None
    if found != lease:
        await _write(unit, found)
    return _place(found, nodes)


async def standing_place(unit: Unit, visit_id: VisitId, epoch: int) -> Place:
    """The place of that epoch. Raises MediaAway when it stands no more.

    A lease that ran out without anybody looking still stands: the node knows better, and is asked.
    """
    row = await unit.session.get(MediaLeaseRow, visit_id)
    if row is None or row.released or row.epoch != epoch:
        raise MediaAway
    place = _place(_lease(row), await _nodes(unit))
    if place is None:
        raise MediaAway
    return place


async def last_place(unit: Unit, visit_id: VisitId) -> Place:
    """The newest place there was, whether it stands or not. Raises MediaAway when there is none to speak to."""
    row = await unit.session.get(MediaLeaseRow, visit_id)
    place = None if row is None else _place(_lease(row), await _nodes(unit))
    if place is None:
        raise MediaAway
    return place


async def release(unit: Unit, visit_id: VisitId, epoch: int) -> None:
    """The room needs its place no more; a newer one stays."""
    row = MediaLeaseRow
    theirs = (row.visit_id == visit_id, row.epoch <= epoch)
    await unit.session.execute(update(row).where(*theirs).values(released=True))


async def renew_all(unit: Unit) -> list[Moved]:
    """Renew every lease whose node lives, and find another place for what no longer stands."""
    nodes, moved = await _nodes(unit), list[Moved]()
    await unit.session.execute(delete(MediaLeaseRow).where(MediaLeaseRow.expires_at < unit.now - KEPT_FOR))
    live = select(MediaLeaseRow).where(MediaLeaseRow.released.is_(False)).order_by(MediaLeaseRow.visit_id)
    for row in await unit.session.scalars(live.with_for_update(skip_locked=True)):
        lease = _lease(row)
        stands = placement.standing(lease, nodes, unit.now)
        if stands is Standing.KEPT:
            row.expires_at = placement.renewed(lease, nodes, unit.now).expires_at
        else:
            moved.append(await _elsewhere(unit, row, nodes, stands))
    return moved


async def _elsewhere(unit: Unit, row: MediaLeaseRow, nodes: Sequence[Node], why: Standing) -> Moved:
    lease = _lease(row)
    found = placement.place(lease.visit_id, lease, nodes, unit.now, above=lease.epoch)
    if found is not None:
        row.node, row.epoch, row.expires_at = found.node, found.epoch, found.expires_at
    elif why is Standing.DRAINED:  # nowhere to go: it stays as long as the node does
        row.expires_at = placement.renewed(lease, nodes, unit.now).expires_at
    else:
        row.released = True
    return Moved(lease.visit_id, lease.epoch, why, None if found is None else _place(found, nodes))


async def _nodes(unit: Unit) -> list[Node]:
    return [
        Node(name=row.name, url=row.url, reported_at=row.reported_at, load=row.load, draining=row.draining)
        for row in await unit.session.scalars(select(MediaNodeRow).order_by(MediaNodeRow.name))
    ]


async def _write(unit: Unit, lease: Lease) -> None:
    row = MediaLeaseRow
    values = {"node": lease.node, "epoch": lease.epoch, "expires_at": lease.expires_at, "released": False}
    new = insert(row).values(visit_id=lease.visit_id, **values)
    higher = row.epoch < lease.epoch  # of two who found the first place at once, one
    await unit.session.execute(new.on_conflict_do_update(index_elements=[row.visit_id], set_=values, where=higher))


def _lease(row: MediaLeaseRow) -> Lease:
    return Lease(
        visit_id=VisitId(row.visit_id),
        node=row.node,
        epoch=row.epoch,
        expires_at=row.expires_at,
        released=row.released,
    )


def _place(lease: Lease, nodes: Sequence[Node]) -> Place | None:
    node = next((each for each in nodes if each.name == lease.node), None)
    return None if node is None else Place(lease.visit_id, node.url, lease.epoch)
