"""Three Chromium pages in a call over one of two media nodes; all processes may be killed and begun again."""

import signal
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess

from playwright.async_api import Browser

from telehealth.db.unit import UnitOfWork
from telehealth.tasks.work import Work
from telehealth.video import places
from telehealth.video.ports import RoomBus
from tests.kit.call_process import Behind, start_web, until_web_answers
from tests.kit.calls import Side, open_companion, open_side
from tests.kit.company import companion_of
from tests.kit.frozen import longest_frozen, see, watch_frozen
from tests.kit.media_process import free_port, node_environment, start_node, until_healthy
from tests.kit.meetings import Meeting
from tests.kit.patience import PATIENCE
from tests.kit.poor_network import PoorNetwork
from tests.kit.signalling import behind
from tests.kit.sweeping import sweeping
from tests.kit.webrtc import key_pair


@dataclass
class MortalNode:
    """A media node that keeps its port over its lives."""

    public_key: str
    hosts: str
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def begin(self) -> None:
        settings = node_environment(self.public_key, self.port) | {
            "TELEHEALTH_MEDIA_HOST": self.hosts,
            "TELEHEALTH_MEDIA_DRAIN_SECONDS": "50",
        }
        self.process = start_node(settings, log=subprocess.DEVNULL)
        until_healthy(self.url, self.process)

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ended(self, within: float) -> int:
        """Its exit code."""
        assert self.process is not None
        return self.process.wait(within)

    def kill(self) -> None:
        """`kill -9`."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.ended(PATIENCE)


@dataclass
class MortalWeb:
    """A web process that serves calls, at the same port over its lives."""

    behind: Behind
    process: ForkServerProcess | None = None

    def begin(self) -> None:
        self.process = start_web(self.behind)
        until_web_answers(self.behind)

    def kill(self) -> None:
        """`kill -9`."""
        if self.process is not None:
            self.process.kill()
            self.process.join(PATIENCE)


@dataclass
class NodeCall:
    """Clinician, patient, interpreter, in this order."""

    sides: Sequence[Side]
    nodes: Sequence[MortalNode]
    web: MortalWeb
    work: Work
    meeting: Meeting

    async def epoch(self) -> int:
        return (await self.work.port(RoomBus).look(self.meeting.visit_id)).epoch

    async def node(self) -> MortalNode:
        """Where the room is."""
        place = await self.work.run(places.standing_place, self.meeting.visit_id, await self.epoch())
        return next(each for each in self.nodes if each.url == place.url)

    async def flows(self, *, more: int = 15, within: float = 3 * PATIENCE) -> None:
        """Everybody sees the two others."""
        for side in self.sides:
            await see(side, len(self.sides) - 1, more=more, within=within)

    async def watch(self) -> None:
        await watch_frozen(*self.sides)

    async def frozen(self) -> float:
        """Of the worst picture of all, in seconds."""
        return max([await longest_frozen(side) for side in self.sides])


@asynccontextmanager
async def node_call(
    browser: Browser,
    unit_of_work: UnitOfWork,
    meeting: Meeting,
    *,
    database: str,
    valkey: str,
    far: tuple[Browser, PoorNetwork] | None = None,
    script: str = "",
) -> AsyncIterator[NodeCall]:
    """Two nodes, one web process. `far`: the patient's browser and the network it is in. `script` runs in each page."""
    companion = await companion_of(unit_of_work, meeting, let_in=True)
    private, public = key_pair()
    hosts = "127.0.0.1" if far is None else f"127.0.0.1 {far[1].near}"
    nodes = [MortalNode(public, hosts), MortalNode(public, hosts)]
    host = "127.0.0.1" if far is None else "0.0.0.0"
    web = MortalWeb(behind(database, valkey, meeting, companion, grant_key=private, host=host))
    mortals: list[MortalNode | MortalWeb] = [*nodes, web]
    try:
        for each in mortals:
            each.begin()
        if far is not None:
            far[1].serve(web.behind.port)
        async with sweeping(web.behind, *(node.url for node in nodes)) as work:
            call = NodeCall(
                [
                    await open_side(browser, web.behind, meeting, host=True, script=script),
                    await open_side(far[0] if far else browser, web.behind, meeting, host=False, script=script),
                    await open_companion(browser, web.behind, meeting, script=script),
                ],
                nodes,
                web,
                work,
                meeting,
            )
            await call.flows()
            yield call
    finally:
        for each in mortals:
            each.kill()
