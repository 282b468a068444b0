"""Where a room's media live: which node takes it, how long that stands, when it has to move. Pure.

A node is alive as long as it reports. A lease binds a room to one node for a few seconds and is renewed while the node
lives; every new place has a higher epoch, so whatever still speaks for an old one is refused.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from telehealth.core.ids import VisitId

REPORTS_EVERY = timedelta(seconds=1)
SILENCE = timedelta(seconds=5)
LEASE_LIFE = timedelta(seconds=5)
HEADROOM = 0.8  # of what it can carry: what is left carries the rooms there are through a bad minute


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """As last reported: `load` is the share of what it can carry that is in use, 0 to 1; a draining node takes no rooms
    and gives up its own. `name` is that of one life of the process at `url`: the next one knows nothing of its calls.
    """

    name: str
    url: str
    reported_at: datetime
    load: float
    draining: bool = False

    def lives(self, now: datetime) -> bool:
        return now - self.reported_at < SILENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """The nodes that answered, and the addresses where nobody listens: what was there is dead, not merely silent."""

    nodes: Sequence[Node] = ()
    deserted: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The place of a room. `released`: the room went back to browser to browser."""

    visit_id: VisitId
    node: str
    epoch: int
    expires_at: datetime
    released: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where the media of a room go: `url` is the node's control door as the web process reaches it."""

    visit_id: VisitId
    url: str
    epoch: int


class Standing(StrEnum):
    KEPT = "kept"
    LOST = "lost"
    DRAINED = "drained"


def choose(visit_id: VisitId, nodes: Collection[Node], now: datetime) -> Node | None:
    """The node for a room, of those that live and have headroom, by rendezvous hashing (Thaler and Ravishankar, 1998):
    a node that comes or goes moves only the rooms that have to.
    """
    able = [node for node in nodes if node.lives(now) and not node.draining and node.load < HEADROOM]
    return max(able, key=lambda node: _weight(visit_id, node.url), default=None)


def standing(lease: Lease, nodes: Collection[Node], now: datetime) -> Standing:
    """Whether a lease can be renewed. A node that is silent keeps its rooms until their leases run out, one that is no
    more loses them.
    """
    node = _holder(lease, nodes)
    if node is None:
        return Standing.LOST
    if node.lives(now):
        return Standing.DRAINED if node.draining else Standing.KEPT
    return Standing.LOST if lease.expires_at <= now else Standing.KEPT


def renewed(lease: Lease, nodes: Collection[Node], now: datetime) -> Lease:
    """Until so long after its node's last report, so that the lease of one that died runs out with it."""
    node = _holder(lease, nodes)
    return lease if node is None or not node.lives(now) else _lease(lease.visit_id, node, lease.epoch)


def place(
    visit_id: VisitId, lease: Lease | None, nodes: Collection[Node], now: datetime, *, above: int
) -> Lease | None:
    """A place of an epoch higher than `above` and than any before; the one there is, if it is that and still stands.

    None when no node has headroom.
    """
    if lease is not None and lease.epoch > above and _stands(lease, nodes, now):
        return lease
    node = choose(visit_id, nodes, now)
    if node is None:
        return None
    last = 0 if lease is None else lease.epoch
    return _lease(visit_id, node, max(last, above) + 1)


def _stands(lease: Lease, nodes: Collection[Node], now: datetime) -> bool:
    return not lease.released and lease.expires_at > now and _holder(lease, nodes) is not None


def _holder(lease: Lease, nodes: Collection[Node]) -> Node | None:
    return next((each for each in nodes if each.name == lease.node), None)


def _lease(visit_id: VisitId, node: Node, epoch: int) -> Lease:
    return Lease(visit_id=visit_id, node=node.name, epoch=epoch, expires_at=node.reported_at + LEASE_LIFE)


def _weight(visit_id: VisitId, url: str) -> bytes:
    return hashlib.blake2b(visit_id.bytes + url.encode(), digest_size=16).digest()
