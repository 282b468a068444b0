"""What a page does when its machine has another address, which Chromium tells it of seconds late.

The modules alone, with connections that gather what the test says: those of the page what it had, those that are made
in a frame what it has now. tests/video/test_other_address.py does it with a real network.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.web.browsing import stage

pytestmark = pytest.mark.browser
STUB = """async () => {
  window.later = 0;
  window.stopped = false; // the page's clock, but for what the test lets pass
  const clock = performance.now.bind(performance);
  performance.now = () => (stopped ? 0 : clock()) + later;
  const { moved, freshConnection } = await import("/static/fresh.js");
  Object.assign(window, { moved, freshConnection, made: [], asked: [], now: "192.0.2.1", silent: false, packets: 0 });
  setInterval(() => silent || (packets += 10), 20);
  const gathers = (address) => class {
    connectionState = "connected";
    transceivers = [];
    closed = false;
    constructor() { made.push(this); }
    createDataChannel() { made.splice(made.indexOf(this), 1); asked.push(this); } // no connection of the call
    addTransceiver() { this.transceivers.push({}); }
    transport = Object.assign(new EventTarget(), { state: "connected" });
    getTransceivers() { return []; }
    getSenders() { return [{ transport: this.transport }]; }
    restartIce() {}
    async setLocalDescription() {
      const sdp = `a=candidate:1 1 udp 2122260223 ${address()} 50000 typ host generation 0\\r\\n`;
      this.localDescription = this.pendingLocalDescription = { type: "offer", sdp };
      setTimeout(() => this.onicecandidate?.({ candidate: {} }));
      setTimeout(() => this.onicecandidate?.({ candidate: null }));
    }
    async setRemoteDescription(given) { this.remoteDescription = given; }
    async getStats() {
      const inbound = { type: "inbound-rtp", trackIdentifier: "t", packetsReceived: packets, framesDecoded: packets };
      return new Map([["a", inbound]]);
    }
    close() { this.closed = true; }
  };
  window.RTCPeerConnection = gathers(() => "192.0.2.1");
  window.Fresh = gathers(() => now);
  Object.defineProperty(HTMLIFrameElement.prototype, "contentWindow", {
    configurable: true,
    get: () => ({ RTCPeerConnection: Fresh }),
  });
  window.frames_ = () => document.querySelectorAll("iframe").length;
  window.running = async () => {
    const pc = new RTCPeerConnection();
    await pc.setLocalDescription();
    return pc;
  };
}"""
# A call over a node whose answers come at once.
CALL = """async (sends) => {
  const { overPlaces } = await import("/static/moving.js");
  window.offers = [];
  window.moves = 0;
  const local = sends ? document.createElement("canvas").captureStream() : new MediaStream();
  let id = 0;
  window.call = overPlaces({
    send(type, body) {
      id += 1;
      if (type === "offer") offers.push(`${body.direction} ${body.connection}`);
      const mine = id;
      if (type === "offer") setTimeout(() => call.hear({ type: "answer", id: mine, sdp: "m=" }));
      return id;
    },
    withdraw() {}, onQuiet() {}, onAgain() {}, onPeople() {}, onState() {},
    onMoved() { moves += 1; },
    local,
    iceServers: () => [],
  });
  call.settle("place", 1, ["other"]);
}"""


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with stage(chromium, "admin_supervisors") as staged:
        page = staged.open()
        page.evaluate(STUB)
        yield page


def becomes(page: Page, condition: str) -> None:
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(20)
    raise AssertionError((condition, page.evaluate("window.offers"), page.evaluate("made.length")))


def look(page: Page, *, after: float = 450) -> Any:
    """Whether another address is found, so many milliseconds later: who asks again at once hears no."""
    page.evaluate("(after) => (later += after)", after)
    return page.evaluate("running().then(moved)")


def test_an_address_that_a_connection_does_not_know_is_found(page: Page) -> None:
    assert look(page) is False
    page.evaluate("now = '192.0.2.2'")
    assert look(page) is True
    page.evaluate("now = '2001:db8::2'")
    assert look(page) is True
    assert page.evaluate("frames_()") == 0
    assert page.evaluate("asked.length === 3 && asked.every((each) => each instanceof Fresh && each.closed)")


def test_over_a_long_silence_few_frames_are_made(page: Page) -> None:
    page.evaluate("stopped = true")
    page.evaluate("later = 20_000")
    for _ in range(60):
        assert look(page) is False
    assert page.evaluate("asked.length") == 10 + 4  # of the 27 seconds, four and then every fifth
    page.evaluate("now = '192.0.2.2'")
    assert look(page, after=5_100) is True
    page.evaluate("now = '192.0.2.3'")
    assert look(page, after=10_100) is True
    assert look(page) is True


def test_what_says_nothing_is_not_taken_for_an_address(page: Page) -> None:
    page.evaluate("now = '3f1c.local'")
    assert look(page) is False
    assert page.evaluate("moved(null)") is False
    assert page.evaluate("moved(new RTCPeerConnection())") is False  # it has not gathered yet


def test_where_frames_are_of_no_use_all_is_as_before(page: Page) -> None:
    page.evaluate("Object.defineProperty(HTMLIFrameElement.prototype, 'contentWindow', { get: () => null })")
    page.evaluate("now = '192.0.2.2'")
    assert look(page) is False
    assert page.evaluate("freshConnection({}) instanceof RTCPeerConnection")
    assert page.evaluate("frames_()") == 0


def test_other_browsers_are_not_asked(page: Page) -> None:
    page.evaluate("delete Navigator.prototype.userAgentData")
    page.evaluate("now = '192.0.2.2'")
    assert look(page) is False


def test_a_call_goes_over_beside_what_there_is_and_nothing_is_left_behind(page: Page) -> None:
    page.evaluate(CALL, False)
    becomes(page, "offers.join() === 'recv 1'")
    becomes(page, "made[0].remoteDescription && call.flows()")
    for number in range(2, 6):  # there, and back, and there
        page.evaluate("(address) => ((now = address), (silent = true))", f"192.0.2.{number % 3 + 5}")
        becomes(page, f"offers.at(-1) === 'recv {number}'")
        assert page.evaluate("moves") == number - 1
        assert page.evaluate("made.filter(({ closed }) => !closed).length") == 2  # the one before goes on for now
        page.evaluate("silent = false")
        becomes(page, "call.flows()")
    assert page.evaluate("offers.join()") == "recv 1,recv 2,recv 3,recv 4,recv 5"
    page.evaluate("call.close()")
    becomes(page, "frames_() === 0")
    assert page.evaluate("made.every(({ closed }) => closed)")


def test_what_the_node_ended_is_made_anew_while_all_arrives(page: Page) -> None:
    page.evaluate(CALL, True)
    becomes(page, "offers.join() === 'send 1,recv 1'")
    becomes(page, "made[1].remoteDescription && call.flows()")
    page.evaluate("made[0].connectionState = 'failed'")
    becomes(page, "offers.join() === 'send 1,recv 1,send 2'")
    assert page.evaluate("made.map(({ closed }) => closed).join()") == "true,false,false"
    page.evaluate("call.close()")


def end(page: Page, at: int) -> None:
    """The node ends that connection: DTLS says so, and nothing else yet."""
    page.evaluate(
        "(at) => Object.assign(made[at].transport, { state: 'closed' }).dispatchEvent(new Event('statechange'))", at
    )


def test_who_only_sends_connects_anew_when_the_node_ends_it(page: Page) -> None:
    page.evaluate(CALL, True)
    becomes(page, "made[1]?.remoteDescription")
    end(page, 0)
    becomes(page, "offers.join() === 'send 1,recv 1,send 2'")
    assert page.evaluate("made.map(({ closed }) => closed).join()") == "true,false,false"
    becomes(page, "made[2].remoteDescription")
    end(page, 2)
    page.evaluate("call.settle('another place', 2, ['other'])")  # the room says where the call goes on
    end(page, 2)
    becomes(page, "offers.join() === 'send 1,recv 1,send 2,send 1,recv 1'")
    becomes(page, "made[3].remoteDescription")
    end(page, 3)
    page.evaluate("call.close()")
    page.wait_for_timeout(700)
    assert page.evaluate("offers.length") == 5
