"""When datagrams are waited for: the rule, and a socket that many send to."""

import asyncio
import socket
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from telehealth.media.gathering import BUSY, FULL, SPAN, Gathering
from telehealth.media.mux import Mux
from tests.kit.patience import PATIENCE, until

BATCHES = st.lists(st.tuples(st.integers(0, 64), st.floats(0.000_01, 2.0)), max_size=60)


@given(batches=BATCHES, began=st.floats(0, 1e6))
def test_it_pays_as_long_as_so_many_come(batches: list[tuple[int, float]], began: float) -> None:
    """Told by whole spans: what came since the last one that was over, by its length."""
    gathering, now, since, count, pays = Gathering(began), began, began, 0, False
    for taken, later in batches:
        now += later
        count += taken
        if now - since >= SPAN:
            pays, since, count = count >= BUSY * (now - since), now, 0
        gathering.took(taken, now)
        assert gathering.pays is pays


def test_a_few_are_never_waited_for() -> None:
    gathering = Gathering(0.0)
    for number in range(3_000):
        gathering.took(1, number / (BUSY * 0.9))
        assert not gathering.pays


def test_many_are_until_they_stop() -> None:
    gathering = Gathering(0.0)
    for number in range(3_000):
        gathering.took(1, number / (BUSY * 1.1))
    assert gathering.pays
    gathering.took(1, 60.0)
    assert not gathering.pays


async def test_a_socket_that_many_send_to() -> None:
    """It notices, loses none of what the kernel kept, and goes back to taking each as it comes."""
    with closing(Mux(["127.0.0.1"])) as mux, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        (wire,) = mux.wires
        sender.connect((wire.host, wire.port))
        sent = 0
        async with asyncio.timeout(PATIENCE):
            while not mux.gathering.pays:
                for _ in range(FULL * 3):
                    sender.send(b"\x80")
                sent += FULL * 3
                await asyncio.sleep(0)
        await until(lambda: mux.received == sent)
        await until(lambda: sender.send(b"\x80") and not mux.gathering.pays)
