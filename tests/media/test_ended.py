"""The node ends what somebody sends, who is alone in the room: no picture that stands still could tell them."""

from uuid import uuid4

import httpx
import pytest

from telehealth.core.grants import MediaSessionId
from tests.kit.calls import chromium
from tests.kit.media_process import RunningNode
from tests.kit.patience import PATIENCE, until_it
from tests.kit.room_pages import Person, people

pytestmark = pytest.mark.browser
# The call of the pages; each of its offers is a session of its own at the node.
BEGIN = """async () => {
  const { overNode } = await import("/static/node.js");
  const local = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 240 } });
  window.offers = [];
  const ask = async (id, { direction, connection, sdp }) => {
    offers.push(`${direction} ${connection}`);
    const reply = await fetch("/up", { method: "PUT", body: JSON.stringify({ type: "offer", sdp }) });
    const { sdp: answer } = await reply.json();
    node.hear(reply.ok ? { type: "answer", id, sdp: answer } : { type: "error", id, code: String(reply.status) });
  };
  let id = 0;
  const send = (type, body) => {
    id += 1;
    if (type === "offer") ask(id, body);
    return id;
  };
  const nothing = () => {};
  window.node = overNode({
    send, local, withdraw: nothing, onQuiet: nothing, onAgain: nothing, onPeople: nothing, onState: nothing,
    iceServers: () => [],
  });
  node.settle(1, []);
}"""


async def test_who_is_alone_connects_anew_when_the_node_ends_it(node: RunningNode) -> None:
    async with chromium() as browser, people(browser, node, "ann") as (ann,):
        await ann.page.evaluate(BEGIN)
        await _arrives(ann)
        await _ended(ann, node)
        await ann.page.wait_for_function("offers.join() === 'send 1,send 2'")
        await _arrives(ann)
        assert await ann.page.evaluate("offers.length") == 2
        assert ann.complaints == []


async def _ended(person: Person, node: RunningNode) -> None:
    ended, headers = person.sessions["up"], person.bearer("up")
    person.sessions["up"] = MediaSessionId(uuid4())
    async with httpx.AsyncClient(base_url=node.url, timeout=PATIENCE) as client:
        assert (await client.delete(f"/sessions/{ended}", headers=headers)).is_success


async def _arrives(person: Person) -> None:
    """Sound and picture."""

    async def both() -> bool:
        streams = (await person.view("up")).get("streams", [])
        return len(streams) == 2 and all(each["packets"] > 20 for each in streams)

    await until_it(both)
