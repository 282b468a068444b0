"""How long pictures stand still when something fails: `python -m tests.bench.recovery` (root, for network namespaces).

Three Chromium pages in a call over one of two media nodes; the patient's browser is in a network namespace, behind a
pair of virtual interfaces whose packets nft drops. Per failure and repetition, in seconds: the longest time without a
new frame in any picture that anybody sees (of a cut its own length is taken off), and, where the conversation was
cut off, how long it took until what was written before it was back had been read at the other end, with nothing missed.
Then losses, with and without retransmission: the seconds that Chromium itself calls frozen, of all pictures together.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from telehealth.catalogue import read_catalogue
from telehealth.core.events import Event
from telehealth.core.time import FixedClock
from telehealth.db.engine import open_engine
from telehealth.db.unit import UnitOfWork
from telehealth.db.vault import Vault
from telehealth.visits.lifecycle import service as visits
from tests.bench.figures import Report, Times, console
from tests.kit.calls import Side, chromium
from tests.kit.database import serving
from tests.kit.frozen import forget_absent, see, watch_frozen
from tests.kit.meetings import Meeting, wait_for_call
from tests.kit.node_calls import NodeCall, node_call
from tests.kit.patience import PATIENCE, until_it
from tests.kit.poor_network import PoorNetwork, poor_network
from tests.kit.valkey import Valkey, mortal_valkey

CALM = 6.0  # seconds between two failures: what was let go of is gone
CUT = 4.0
LOSSES = (0.01, 0.05, 0.1)
# What the answer does not allow is not done: no NACK goes out, and none is answered (RFC 4585).
NO_NACK = """
const original = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function (description) {
  const sdp = description.sdp.replace(/a=rtcp-fb:\\d+ nack\\r\\n/g, "");
  return original.call(this, { type: description.type, sdp });
};
"""
FROZEN = """(async () => {
  window.frozen ??= new Map();
  for (const pc of window.peers.filter(({ connectionState }) => connectionState === "connected")) {
    const stats = [...(await pc.getStats()).values()];
    window.frozen.set(pc, stats.reduce((sum, { totalFreezesDuration }) => sum + (totalFreezesDuration ?? 0), 0));
  }
  return [...window.frozen.values()].reduce((sum, each) => sum + each, 0);
})()"""
Failing = Callable[["House"], Awaitable[None]]


@dataclass
class House:
    call: NodeCall
    network: PoorNetwork
    valkey: Valkey
    said: int = 0

    @property
    def host(self) -> Side:
        return self.call.sides[0]

    @property
    def patient(self) -> Side:
        return self.call.sides[1]

    async def heard(self) -> float:
        """Seconds until the patient has read all that the clinician writes from now on, once each and in order."""
        begun = asyncio.get_running_loop().time()
        wanted = [f"line {self.said + each}" for each in range(3)]
        self.said += len(wanted)
        for each in wanted:
            await self._write(each)
        await self.patient.until(f"heard.slice(-3).join() === '{','.join(wanted)}'", PATIENCE)
        return asyncio.get_running_loop().time() - begun

    async def _write(self, text: str) -> None:
        """As a person does: when the other one is there, and again as long as the page says that it was not said. Where
        the rooms themselves were lost, everybody comes anew.
        """
        there = "room.peers.some(({ role, presence }) => role === 'patient' && presence === 'present')"

        async def said() -> bool:
            return bool(await self.host.do(there)) and await self.host.do(f"call.chat('{text}')") == ""

        await until_it(said)


async def node_killed(house: House) -> None:
    node = await house.call.node()
    node.kill()
    await house.call.flows()
    node.begin()


async def drained(house: House) -> None:
    node = await house.call.node()
    node.signal(signal.SIGTERM)
    await asyncio.to_thread(node.ended, 40)
    node.begin()


async def address_changed(house: House) -> None:
    house.network.move(100 + house.said % 100)


async def seen_from_elsewhere(house: House) -> None:
    house.network.rebind(100 + house.said % 100)


async def third_leaves_and_returns(house: House) -> None:
    """From the node to the browsers, and back."""
    *both, third = house.call.sides
    await third.do("call.close()")
    for side in both:
        await side.until("peers.at(-1).getReceivers().length === 2 && faces().length === 1", PATIENCE)
        await see(side, 1)
        await forget_absent(side)
    await third.page.reload()
    await third.until("window.faces", PATIENCE)
    await watch_frozen(third)


async def cut(house: House) -> None:
    house.network.cut()
    await asyncio.sleep(CUT)
    house.network.mend()


async def socket_killed(house: House) -> None:
    house.network.break_connections()


async def web_killed(house: House) -> None:
    house.call.web.kill()
    await asyncio.to_thread(house.call.web.begin)


async def valkey_killed(house: House) -> None:
    house.valkey.kill()
    await asyncio.to_thread(house.valkey.begin)


@dataclass(frozen=True)
class Failure:
    name: str
    fail: Failing
    bound: float  # seconds that a picture may stand still, for 95 of 100
    off: float = 0.0
    signalling: bool = False


FAILURES = (
    Failure("media node killed", node_killed, 6.0),
    Failure("media node drained", drained, 1.0),
    Failure("third leaves and returns", third_leaves_and_returns, 1.0),
    Failure("address behind a NAT changed", seen_from_elsewhere, 1.5),
    Failure("address of the machine changed", address_changed, 1.5),
    Failure("network cut for 4 s", cut, 2.0, off=CUT),
    Failure("connections of one page killed", socket_killed, 1.0, signalling=True),
    Failure("web process killed", web_killed, 1.0, signalling=True),
    Failure("Valkey killed", valkey_killed, 1.0, signalling=True),
)


def main(
    *,
    rounds: Annotated[int, typer.Option(help="Repetitions of each failure.")] = 10,
    seconds: Annotated[float, typer.Option(help="How long each loss lasts.")] = 30.0,
    only: Annotated[list[str] | None, typer.Option(help="Failures whose name has this, or `loss`.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures here.")] = None,
) -> None:
    report = Report("Recovery: three people over a media node, one of them on a poor network")
    with serving() as databases, mortal_valkey() as valkey:
        for failure in [each for each in FAILURES if _wanted(each.name, only)]:
            with databases.clone() as database:
                asyncio.run(_measure(report, failure, rounds, (database, valkey)))
        for script, how in (("", "with NACK"), (NO_NACK, "without NACK")) if _wanted("loss", only) else ():
            with databases.clone() as database:
                asyncio.run(_lose(report, seconds, (script, how), (database, valkey)))
    load = os.getloadavg()[0]
    report.note("load of the machine at the end", load)
    report.row("load of the machine at the end", f"{load:.1f}", "")
    report.show(json)


def _wanted(name: str, only: Sequence[str] | None) -> bool:
    return not only or any(each in name for each in only)


async def _measure(report: Report, failure: Failure, rounds: int, on: tuple[str, Valkey]) -> None:
    stood, heard = list[float](), list[float]()
    async with opened(*on) as house:
        for number in range(rounds):
            house.said += 1
            await house.call.watch()
            await failure.fail(house)
            if failure.signalling:
                heard.append(await house.heard())
            await house.call.flows(within=PATIENCE)
            stood.append(max(0.0, await house.call.frozen() - failure.off))
            console.print(f"{failure.name} {number + 1}: {stood[-1]:.2f} s {heard[-1:]}")
            await asyncio.sleep(CALM)
    report.times(f"{failure.name}: stood still", _times(stood), {"p95": failure.bound * 1000})
    if heard:
        report.times(f"{failure.name}: written words read", _times(heard))


async def _lose(report: Report, seconds: float, way: tuple[str, str], on: tuple[str, Valkey]) -> None:
    script, how = way
    async with opened(*on, script=script) as house:
        for share in LOSSES:
            before = await _frozen(house)
            await house.call.watch()
            house.network.loses(share)
            for _ in range(round(seconds)):
                await asyncio.sleep(1)
                await _frozen(house)  # a connection that another takes over from tells nothing any more
            house.network.mend()
            frozen = await _frozen(house) - before
            longest = await house.call.frozen()
            name = f"{share:.0%} loss for {seconds:.0f} s, {how}"
            report.note(name, {"frozen_s": round(frozen, 2), "longest_s": round(longest, 2)})
            report.row(name, f"{frozen:.1f} s frozen in all pictures together, {longest:.2f} s at the longest", "")
            await asyncio.sleep(CALM)


async def _frozen(house: House) -> float:
    """Seconds so far, of all pictures of all pages."""
    return sum([float(await side.do(FROZEN)) for side in house.call.sides])


@asynccontextmanager
async def opened(database: str, valkey: Valkey, *, script: str = "") -> AsyncIterator[House]:
    with poor_network() as network:
        async with _meeting(database) as (unit_of_work, meeting), chromium() as near, chromium(network.browser) as far:
            call = node_call(
                near,
                unit_of_work,
                meeting,
                database=database,
                valkey=valkey.url,
                far=(far, network),
                script=script,
            )
            async with call as running:
                await asyncio.sleep(CALM)
                yield House(running, network, valkey)


@asynccontextmanager
async def _meeting(database: str) -> AsyncIterator[tuple[UnitOfWork, Meeting]]:
    """A visit whose patient was let in."""
    engine, clock = open_engine(database), FixedClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    unit_of_work = UnitOfWork(engine, clock, Vault({"test": b"k" * 32}), read_catalogue().conflicts, _unheard)
    try:
        meeting = await wait_for_call(unit_of_work, clock)
        await unit_of_work.run(visits.admit, meeting.clinician, meeting.visit_id)
        yield unit_of_work, meeting
    finally:
        await engine.dispose()


async def _unheard(_: Sequence[Event]) -> None:
    """Nobody listens."""


def _times(seconds: Sequence[float]) -> Times:
    return Times([each * 1000 for each in seconds])


if __name__ == "__main__":
    typer.run(main)
