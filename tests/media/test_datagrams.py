"""Batches of datagrams, with the kernel's calls for many and with one call for each."""

import ctypes
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from telehealth.media.datagrams import MOST, TOGETHER, Inbox, Outbox
from telehealth.media.kernel import BatchedCalls, Calls, address_of, source_of

CALLS = pytest.mark.parametrize("calls", [Calls(), BatchedCalls(ctypes.CDLL(None))], ids=["each", "batched"])
HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


@contextmanager
def ends(host: str, count: int) -> Iterator[list[socket.socket]]:
    """Bound sockets."""
    with ExitStack() as stack:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = [stack.enter_context(socket.socket(family, socket.SOCK_DGRAM)) for _ in range(count)]
        for each in found:
            each.bind((host, 0))
            each.setblocking(False)
        yield found


def write(outbox: Outbox, data: bytes) -> int:
    outbox.buffer[outbox.free : outbox.free + len(data)] = data
    return len(data)


def heard(inbox: Inbox, end: socket.socket) -> list[tuple[bytes, socket.socket | tuple[str, int]]]:
    return [(bytes(packet.view[:length]), address_of(source)[:2]) for packet, length, source in inbox.take(end)]


@pytest.mark.parametrize("address", [("192.0.2.7", 5000), ("::1", 65_535, 0, 0), ("fe80::1", 1, 0, 3)])
def test_an_address_and_back(address: tuple[str, int] | tuple[str, int, int, int]) -> None:
    assert address_of(source_of(address)) == address


@HOSTS
@CALLS
def test_a_batch_arrives_in_its_order_with_where_it_came_from(calls: Calls, host: str) -> None:
    with ends(host, 3) as (here, near, far):
        inbox, outbox = Inbox(calls), Outbox(calls)
        assert heard(inbox, here) == []
        outbox.hold()
        sent = [(bytes((number,)) * (number * 20), near if number % 2 else far) for number in range(40)]
        for data, end in sent:
            outbox.put(end, source_of(here.getsockname()), write(outbox, data))
        outbox.flush()
        found = heard(inbox, here)
        for end in (near, far):
            told = end.getsockname()[:2]
            assert [data for data, source in found if source == told] == [data for data, by in sent if by is end]


@HOSTS
@CALLS
def test_what_came_from_somewhere_goes_back_there(calls: Calls, host: str) -> None:
    with ends(host, 2) as (here, there):
        inbox, outbox = Inbox(calls), Outbox(calls)
        there.sendto(b"ask", here.getsockname())
        ((_, _, source),) = inbox.take(here)
        outbox.put(here, source, write(outbox, b"answer"))
        assert there.recvfrom(100) == (b"answer", here.getsockname())


@CALLS
def test_what_is_held_waits_and_what_is_not_does_not(calls: Calls) -> None:
    with ends("127.0.0.1", 2) as (here, there):
        inbox, outbox = Inbox(calls), Outbox(calls)
        place = source_of(there.getsockname())
        outbox.put(here, place, write(outbox, b"at once"))
        assert [data for data, _ in heard(inbox, there)] == [b"at once"]
        outbox.hold()
        outbox.put(here, place, write(outbox, b"later"))
        assert heard(inbox, there) == []
        outbox.flush()
        assert [data for data, _ in heard(inbox, there)] == [b"later"]
        outbox.flush()
        assert heard(inbox, there) == []


@CALLS
def test_more_than_go_together_wait_for_nothing(calls: Calls) -> None:
    with ends("127.0.0.1", 2) as (here, there):
        inbox, outbox = Inbox(calls), Outbox(calls)
        outbox.hold()
        for number in range(TOGETHER + 1):
            outbox.put(here, source_of(there.getsockname()), write(outbox, bytes((number,))))
        assert [data for data, _ in heard(inbox, there)] == [bytes((number,)) for number in range(TOGETHER)]
        outbox.flush()
        assert [data for data, _ in heard(inbox, there)] == [bytes((TOGETHER,))]


@CALLS
def test_more_than_are_taken_at_once_wait_for_the_next_time(calls: Calls) -> None:
    with ends("127.0.0.1", 2) as (here, there):
        inbox = Inbox(calls)
        for number in range(MOST + 10):
            here.sendto(bytes((number,)), there.getsockname())
        assert [data for data, _ in heard(inbox, there)] == [bytes((number,)) for number in range(MOST)]
        assert [data for data, _ in heard(inbox, there)] == [bytes((MOST + number,)) for number in range(10)]


@CALLS
def test_one_that_cannot_be_sent_takes_no_other_with_it(calls: Calls) -> None:
    with ends("127.0.0.1", 2) as (here, there):
        inbox, outbox = Inbox(calls), Outbox(calls)
        outbox.hold()
        for address in (there.getsockname(), ("255.255.255.255", 9), there.getsockname()):
            outbox.put(here, source_of(address), write(outbox, b"x"))
        outbox.flush()
        assert len(heard(inbox, there)) == 2


@CALLS
def test_a_socket_that_is_closed_sends_nothing_and_receives_nothing(calls: Calls) -> None:
    with ends("127.0.0.1", 2) as (here, there):
        inbox, outbox = Inbox(calls), Outbox(calls)
        outbox.hold()
        outbox.put(here, source_of(there.getsockname()), write(outbox, b"x"))
        here.close()
        outbox.flush()
        assert heard(inbox, there) == []
        assert heard(inbox, here) == []


@CALLS
def test_an_empty_one_and_one_that_is_too_long(calls: Calls) -> None:
    with ends("127.0.0.1", 2) as (here, there):
        for data in (b"", b"a" * 4000, b"b"):
            there.sendto(data, here.getsockname())
        assert [len(data) for data, _ in heard(Inbox(calls), here)] == [0, 2048, 1]
