"""Mutated STUN, DTLS, RTP, RTCP, SCTP and SDP against the node's process while a call goes through it.

By default some thousands; `./deploy/test -m soak tests/media/test_fuzz.py -s` throws a million.
"""

import sys
from dataclasses import asdict

import httpx
import pytest

from tests.kit.fuzzer import SHARES, Fuzzer
from tests.kit.live_call import footprint, live_call
from tests.kit.media_process import running_node
from tests.kit.patience import PATIENCE

SEED = 20_261
MILLION = pytest.param(1_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])
MOST_GROWTH = 8_000  # kB from a quarter of the way to its end


@pytest.mark.parametrize("inputs", [4_000, MILLION])
async def test_mutated_inputs_harm_nobody(inputs: int) -> None:
    """No crash, nothing unhandled, no memory that grows; 49 of 50 frames of the call arrive, most on a busy machine."""
    with running_node() as node:
        async with httpx.AsyncClient(base_url=node.url, timeout=PATIENCE) as door:
            async with live_call(door, node) as call:
                fuzzer = Fuzzer(node, door, SEED)
                await fuzzer.run(inputs // 4)
                before = footprint(node.process.pid)
                await fuzzer.run(inputs)
                after = footprint(node.process.pid)
            stats = (await door.get("/stats")).json()
        node.process.terminate()
        _, told = node.process.communicate(timeout=PATIENCE)
    figures = {
        "inputs": dict(fuzzer.thrown), "received": stats["received"], "statuses": dict(fuzzer.statuses),
        "call": [call.sent, call.heard, round(call.longest_gap, 3)], "before": asdict(before), "after": asdict(after),
        "drops": stats["drops"], "endings": stats["endings"],
    }  # fmt: skip
    sys.stdout.write(f"seed {SEED}: {figures}\n")
    assert "Traceback" not in told, told
    assert "exception" not in told, told
    assert set(fuzzer.thrown) == set(SHARES)
    assert sum(fuzzer.thrown.values()) >= inputs * 0.99
    assert set(fuzzer.statuses) <= {200, 201, 400, 404}
    assert call.heard >= call.sent * (0.98 if inputs >= 1_000_000 else 0.5), figures
    assert after.memory - before.memory < MOST_GROWTH, figures
    assert (after.threads, stats["sessions"]) == (before.threads, 0), figures
    assert abs(after.descriptors - before.descriptors) <= 4, figures
