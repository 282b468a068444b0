"""A node that is told to stop: it says so, serves on, and ends when nobody is left or its time is over."""

import signal
import subprocess
import time
from uuid import uuid4

import httpx
import pytest

from telehealth.core.grants import GrantKind, MediaSessionId, Place
from telehealth.media.drain import Drain
from telehealth.media.load import MOST_PACKETS, Load
from tests.kit.media_process import RunningNode, running_node
from tests.kit.offers import audio, offer
from tests.kit.patience import PATIENCE

PLACE = Place(room="room", epoch=1)


class Hand:
    """A clock moved by hand, a count too."""

    def __init__(self) -> None:
        self.at = 0.0
        self.cpu = 0.0
        self.packets = 0


def test_a_drain_is_over_when_nobody_is_left_or_its_time_is() -> None:
    hand = Hand()
    drain = Drain(20, clock=lambda: hand.at)
    assert (drain.begun, drain.over(0)) == (False, False)
    drain.begin()
    assert (drain.begun, drain.over(1), drain.over(0)) == (True, False, True)
    hand.at = 19.9
    drain.begin()  # does not begin anew
    assert not drain.over(1)
    hand.at = 20
    assert drain.over(1)


def test_load_is_the_greater_share_since_it_was_asked_before() -> None:
    hand = Hand()
    load = Load(clock=lambda: hand.at, cpu=lambda: hand.cpu, packets=lambda: hand.packets)
    assert load.share() == 0
    hand.at, hand.cpu, hand.packets = 2, 0.5, MOST_PACKETS
    assert load.share() == 0.5
    hand.at, hand.cpu = 2.5, 1.0
    assert load.share() == 0.5  # too soon to tell
    hand.at = 4
    assert load.share() == 0.25
    hand.at, hand.cpu = 5, 9.0
    assert load.share() == 1


def session_of(node: RunningNode) -> MediaSessionId:
    session = MediaSessionId(uuid4())
    headers = node.bearer(session, kind=GrantKind.SEND, place=PLACE)
    opened = httpx.put(
        f"{node.url}/sessions/{session}", json={"type": "offer", "sdp": offer(audio("0"))}, headers=headers
    )
    assert opened.status_code == 201
    return session


def test_a_node_serves_on_until_its_last_call_has_gone() -> None:
    with running_node() as node:
        session = session_of(node)
        node.process.send_signal(signal.SIGTERM)
        while not httpx.get(f"{node.url}/stats", timeout=PATIENCE).json()["draining"]:
            time.sleep(0.05)
        with pytest.raises(subprocess.TimeoutExpired):
            node.process.wait(1)
        headers = node.bearer(session, kind=GrantKind.SEND, place=PLACE)
        assert httpx.delete(f"{node.url}/sessions/{session}", headers=headers).status_code == 204
        assert node.process.wait(PATIENCE) == 0


def test_a_node_that_nobody_leaves_ends_in_time() -> None:
    with running_node({"TELEHEALTH_MEDIA_DRAIN_SECONDS": "0.5"}) as node:
        session_of(node)
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(PATIENCE) == 0


def test_a_second_signal_ends_at_once() -> None:
    with running_node() as node:
        session_of(node)
        node.process.send_signal(signal.SIGTERM)
        while not httpx.get(f"{node.url}/stats", timeout=PATIENCE).json()["draining"]:
            time.sleep(0.05)
        node.process.send_signal(signal.SIGTERM)
        assert node.process.wait(PATIENCE) == -signal.SIGTERM
