"""The socket of a call and its connections with the media node, when the network or the room was lost.

The modules alone, on a page whose network and connections are the test's.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.web.browsing import stage

pytestmark = pytest.mark.browser
# Each ticket that is asked for waits until `gets()`; a socket says what it was sent, in `said`.
SOCKET = """async () => {
  const { openSignalling } = await import("/static/signalling.js");
  window.asked = [];
  window.said = [];
  window.fates = [];
  window.fetch = (_, { signal }) => new Promise((resolve, reject) => {
    asked.push({ signal, gets: () => resolve(Response.json({ ticket: "t" })), fails: () => reject(new Error("away")) });
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  window.WebSocket = class {
    constructor() { window.socket = this; setTimeout(() => this.onopen?.()); }
    send(text) { said.push(JSON.parse(text)); }
    close() {}
  };
  window.hears = (message) => socket.onmessage({ data: JSON.stringify(message) });
  window.link = openSignalling("/tickets", { onMessage: () => {}, onGone: () => {} });
}"""
# A connection that offers at once, under a fresh user fragment after restartIce.
NODE = """async () => {
  const { overNode } = await import("/static/node.js");
  window.RTCPeerConnection = class {
    transceivers = [];
    fragment = 1;
    connectionState = "connected";
    restartIce() { this.fragment += 1; }
    addTransceiver() { this.transceivers.push({}); }
    getTransceivers() { return []; }
    async setLocalDescription() { this.localDescription = { sdp: `offer ${this.fragment}` }; }
    async setRemoteDescription(given) { this.remoteDescription = given; window.answered = true; }
    async getStats() { return new Map(); }
    close() {}
  };
  window.said = [];
  window.withdrawn = [];
  window.answered = false;
  window.node = overNode({
    send: (type, body) => said.push({ type, ...body }),
    withdraw: (id) => withdrawn.push(id),
    onQuiet() {}, onAgain() {}, onPeople() {}, onState() {},
    local: new MediaStream(),
    iceServers: () => [],
  });
  window.offers = () => said.filter(({ type }) => type === "offer").map(({ sdp }) => sdp);
}"""

# The clock of the page is the test's, and what it would give up after seconds is waited for on the slowest machine too.
PATIENT = """() => {
  const soon = window.setTimeout.bind(window);
  window.setTimeout = (act, after = 0) => (after < 1000 ? soon(act, after) : 0);
  window.later = 10_000;
  performance.now = () => later;
}"""
TURNS = "(async () => { for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setTimeout(resolve)); })()"


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with stage(chromium, "admin_supervisors") as staged:
        page = staged.open()
        page.evaluate(PATIENT)
        yield page


def becomes(page: Page, condition: str) -> None:
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(20)
    raise AssertionError(condition)


def welcome(page: Page, **told: Any) -> None:
    message = {"type": "welcome", "session": "s", "seq": 0, "ack": 0, "resumed": False} | told
    page.evaluate("(message) => hears(message)", message)


def begin(page: Page) -> None:
    page.evaluate("AbortSignal.any = AbortSignal.timeout = undefined")  # as on a phone of some years
    page.evaluate(SOCKET)
    page.evaluate("asked[0].gets()")
    becomes(page, "said.length === 1")
    welcome(page)


def break_off(page: Page) -> None:
    page.evaluate("socket.onclose({ code: 4503, reason: 'rooms-away' })")
    becomes(page, "asked.length === 2")


def come_back(page: Page, **told: Any) -> None:
    page.evaluate("(said.length = 0, asked.at(-1).gets())")
    becomes(page, "said.length === 1")
    welcome(page, **told)


def answer(page: Page) -> None:
    number = page.evaluate("said.findIndex(({ type }) => type === 'offer') + 1")
    page.evaluate("(id) => node.hear({ type: 'answer', id, sdp: 'answer' })", number)
    becomes(page, "answered")


def test_in_a_room_that_was_lost_what_was_said_is_said_again_under_its_number(page: Page) -> None:
    begin(page)
    page.evaluate("(link.send('chat', { text: 'a' }), link.send('offer', {}), link.send('chat', { text: 'b' }))")
    page.evaluate("link.withdraw(2)")
    break_off(page)
    come_back(page)
    assert page.evaluate("said.slice(1).map(({ id, type }) => [id, type])") == [[1, "chat"], [3, "chat"]]
    assert page.evaluate("link.send('chat', { text: 'c' })") == 4


def test_in_a_session_of_another_name_numbers_begin_anew(page: Page) -> None:
    begin(page)
    page.evaluate("link.send('chat', { text: 'a' }, (fate) => fates.push(fate))")
    break_off(page)
    come_back(page, session="other")
    assert page.evaluate("fates") == ["lost"]
    assert page.evaluate("link.send('chat', { text: 'b' })") == 1


def test_when_something_gets_through_again_an_old_attempt_is_not_waited_for(page: Page) -> None:
    begin(page)
    page.evaluate("link.wake()")  # all is well: nothing to do
    break_off(page)
    page.evaluate("link.wake()")  # this attempt has only just gone out
    assert page.evaluate("asked.length") == 2
    page.evaluate("(later += 500, link.wake())")
    assert page.evaluate("asked.map(({ signal }) => signal.aborted)") == [True, True, False]
    come_back(page, resumed=True)
    page.evaluate("(later += 500, link.wake())")
    assert page.evaluate("asked.length") == 3


def test_a_restart_takes_the_place_of_an_offer_that_nobody_answers(page: Page) -> None:
    page.evaluate(NODE)
    page.evaluate("node.settle(1, ['anybody'])")
    becomes(page, "offers().length === 1")
    answer(page)
    page.evaluate("node.restart()")
    becomes(page, "offers().length === 2")
    page.evaluate("node.restart()")
    page.evaluate(TURNS)
    assert page.evaluate("offers()") == ["offer 1", "offer 2", "offer 3"]
    assert len(page.evaluate("withdrawn")) == 2


def test_connections_go_on_in_a_room_that_was_lost_and_are_told_of_again(page: Page) -> None:
    page.evaluate(NODE)
    page.evaluate("node.settle(1, ['anybody'])")
    becomes(page, "offers().length === 1")
    answer(page)
    page.evaluate("(node.anew(), node.settle(1, ['anybody']))")
    becomes(page, "offers().length === 2")
    connections = "said.filter(({ type }) => type === 'offer').map(({ connection }) => connection)"
    assert page.evaluate(connections) == [1, 1]
