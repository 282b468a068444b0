"""A poor network between a browser and the media node: loss, a narrow way, a cut, another address, on loopback."""

import asyncio
import random
import socket
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

Address = tuple[str, int]
LONGEST_QUEUE = 0.3  # seconds of a narrow way's buffer


class UdpProxy:
    """Each address that sends here gets a socket of its own towards the node. `loss` is 0 to 1, both ways.

    `narrow` is what the way to the browser takes, bits per second. `cut` lets nothing through.
    """

    def __init__(self, node: Address, *, seed: int = 7) -> None:
        self.loss = 0.0
        self.narrow: float | None = None
        self.cut = False
        self.lost = self.passed = 0
        self._node, self._chance = node, random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self._near = self._open(("127.0.0.1", 0))
        self._loop.add_reader(self._near.fileno(), self._from_browser)
        self._far: dict[Address, socket.socket] = {}
        self._free_at = 0.0
        self._queue: deque[asyncio.TimerHandle] = deque(maxlen=4096)

    @staticmethod
    def _open(address: Address) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.bind(address)
        return made

    @property
    def address(self) -> Address:
        host, port = self._near.getsockname()
        return host, port

    def before(self, answer: str) -> str:
        """The answer with this place in its candidate."""
        host, port = self._node
        assert f" {host} {port} typ host" in answer
        return answer.replace(f" {host} {port} typ host", f" {self.address[0]} {self.address[1]} typ host")

    def move(self) -> None:
        """The node sees every browser at another address from now on; nothing that goes to the old one arrives."""
        for browser in list(self._far):
            self._shut(self._far.pop(browser))

    def close(self) -> None:
        self.move()
        self._shut(self._near)
        for handle in self._queue:
            handle.cancel()

    def _shut(self, which: socket.socket) -> None:
        self._loop.remove_reader(which.fileno())
        which.close()

    def _drops(self) -> bool:
        dropped = self.cut or self._chance.random() < self.loss
        self.lost += dropped
        self.passed += not dropped
        return dropped

    def _from_browser(self) -> None:
        while True:
            try:
                data, browser = self._near.recvfrom(2048)
            except OSError:
                return
            if self._drops():
                continue
            far = self._far.get(browser)
            if far is None:
                far = self._far[browser] = self._open(("127.0.0.1", 0))
                self._loop.add_reader(far.fileno(), self._from_node, far, browser)
            far.sendto(data, self._node)

    def _from_node(self, far: socket.socket, browser: Address) -> None:
        while True:
            try:
                data = far.recv(2048)
            except OSError:
                return
            if not self._drops():
                self._deliver(data, browser)

    def _deliver(self, data: bytes, browser: Address) -> None:
        if self.narrow is None:
            self._near.sendto(data, browser)
            return
        now = self._loop.time()
        self._free_at = max(self._free_at, now) + len(data) * 8 / self.narrow
        if self._free_at - now > LONGEST_QUEUE:
            self._free_at -= len(data) * 8 / self.narrow
            self.lost += 1
            return
        self._queue.append(self._loop.call_at(self._free_at, self._arrive, data, browser))

    def _arrive(self, data: bytes, browser: Address) -> None:
        if self._near.fileno() >= 0:
            self._near.sendto(data, browser)


@contextmanager
def udp_proxy(node: Address) -> Iterator[UdpProxy]:
    proxy = UdpProxy(node)
    try:
        yield proxy
    finally:
        proxy.close()
