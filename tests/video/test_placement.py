"""Where rooms live: the choice of a node, and what becomes of a place. Pure."""

from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.ids import VisitId
from telehealth.video.placement import (
    HEADROOM,
    LEASE_LIFE,
    SILENCE,
    Lease,
    Node,
    Standing,
    choose,
    place,
    renewed,
    standing,
)
from tests.kit.rooms import START, after

ROOMS = st.uuids().map(VisitId)
ROOM = VisitId(UUID(int=9))


def node(name: str, *, load: float = 0.1, draining: bool = False, silent: float = 0) -> Node:
    return Node(name=name, url=f"http://{name}", reported_at=after(-silent), load=load, draining=draining)


NODES = st.lists(
    st.builds(
        node,
        st.text("abcdef", min_size=1, max_size=3),
        load=st.floats(0, 1),
        draining=st.booleans(),
        silent=st.sampled_from([0, 1, 4.9, 5, 60]),
    ),
    max_size=8,
    unique_by=lambda each: each.name,
)


def lease(*, epoch: int = 1, left: float = 5, released: bool = False, of: str = "a") -> Lease:
    return Lease(visit_id=ROOM, node=of, epoch=epoch, expires_at=after(left), released=released)


@given(ROOMS, NODES)
def test_only_a_node_that_lives_stays_and_has_headroom_is_chosen(room: VisitId, nodes: list[Node]) -> None:
    able = [each for each in nodes if each.lives(START) and not each.draining and each.load < HEADROOM]
    chosen = choose(room, nodes, START)
    assert (chosen in able) if able else (chosen is None)


@given(ROOMS, NODES, st.randoms())
def test_everybody_chooses_the_same(room: VisitId, nodes: list[Node], chance: Random) -> None:
    shuffled = list(nodes)
    chance.shuffle(shuffled)
    assert choose(room, nodes, START) == choose(room, shuffled, START)


@given(st.sets(ROOMS, min_size=1, max_size=20), st.integers(0, 5))
def test_a_node_that_goes_moves_its_own_rooms_alone(rooms: set[VisitId], gone: int) -> None:
    nodes = [node(name) for name in "abcdef"]
    left = [each for number, each in enumerate(nodes) if number != gone]
    for room in rooms:
        before = choose(room, nodes, START)
        assert before == nodes[gone] or choose(room, left, START) == before


def test_rooms_are_spread() -> None:
    nodes = [node(name) for name in "abcd"]
    counts = [0] * 4
    for number in range(400):
        chosen = choose(VisitId(UUID(int=number)), nodes, START)
        assert chosen is not None
        counts[nodes.index(chosen)] += 1
    assert all(60 < count < 140 for count in counts)


OLD = st.builds(lease, epoch=st.integers(1, 9), left=st.sampled_from([-1, 0, 3]), released=st.booleans())


@given(NODES, OLD, st.integers(0, 9))
def test_epochs_only_rise(nodes: list[Node], old: Lease, above: int) -> None:
    found = place(ROOM, old, nodes, START, above=above)
    if found is None:
        assert choose(ROOM, nodes, START) is None
    elif found != old:
        assert found.epoch > max(old.epoch, above)
        assert START < found.expires_at <= START + LEASE_LIFE
        assert not found.released
    else:
        assert found.epoch > above
        assert not old.released


def test_all_who_ask_at_once_get_the_same_place() -> None:
    first = place(ROOM, None, [node("a")], START, above=0)
    assert first is not None
    assert place(ROOM, first, [node("a"), node("b")], START, above=0) == first
    later = place(ROOM, first, [node("b")], START, above=1)
    assert later is not None
    assert (later.node, later.epoch) == ("b", 2)


def test_a_silent_node_keeps_its_rooms_until_their_leases_run_out() -> None:
    silent = [node("a", silent=SILENCE.total_seconds())]
    assert standing(lease(left=1), silent, START) is Standing.KEPT
    assert renewed(lease(left=1), silent, START) == lease(left=1)
    assert standing(lease(left=0), silent, START) is Standing.LOST


def test_a_node_that_is_no_more_has_lost_its_rooms() -> None:
    assert standing(lease(left=4), [node("b")], START) is Standing.LOST
    moved = place(ROOM, lease(left=4), [node("b")], START, above=0)
    assert moved is not None
    assert (moved.node, moved.epoch) == ("b", 2)


def test_a_living_node_keeps_its_rooms_and_a_draining_one_gives_them_up() -> None:
    assert standing(lease(left=-60), [node("a")], START) is Standing.KEPT
    assert renewed(lease(left=-60), [node("a")], START).expires_at == START + LEASE_LIFE
    assert renewed(lease(), [node("a", silent=4)], START).expires_at == after(1)  # it runs out with its node
    assert standing(lease(), [node("a", draining=True)], START) is Standing.DRAINED


def test_a_full_node_keeps_what_it_has() -> None:
    full = [node("a", load=1.0)]
    assert standing(lease(), full, START) is Standing.KEPT
    assert place(ROOM, None, full, START, above=0) is None
