"""Whose picture is the large one, and of whom it is said that a camera is off.

The call alone, on a page whose room and connections are the test's.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.web.browsing import stage
from tests.web.test_coming_back import PATIENT, becomes

pytestmark = pytest.mark.browser
# Each section of an answer is a participant's; what has arrived by a connection is in its `arrived`.
CALL = """async () => {
  window.fetch = async () => Response.json({ ticket: "t" });
  window.WebSocket = class {
    constructor() { window.socket = this; setTimeout(() => this.onopen?.()); }
    send(text) { said.push(JSON.parse(text)); }
    close() {}
  };
  const drawn = () => document.createElement("canvas").captureStream().getVideoTracks()[0];
  window.connections = [];
  window.RTCPeerConnection = class {
    connectionState = "connected";
    signalingState = "stable";
    arrived = [];
    transceivers = [];
    constructor() { connections.push(this); }
    addTransceiver(kind) {
      if (kind !== "video") return;
      this.transceivers.push({ mid: String(this.transceivers.length), receiver: { track: drawn() } });
    }
    getTransceivers() { return this.transceivers.flatMap((each) => [each, {}]); }
    getSenders() { return []; }
    async setLocalDescription() { this.localDescription = { sdp: "offer" }; }
    async setRemoteDescription(given) { this.remoteDescription = given; }
    async getStats() { return new Map(this.arrived.entries()); }
    close() { this.signalingState = this.connectionState = "closed"; }
  };
  window.said = [];
  window.told = [];
  window.remote = document.createElement("video");
  document.body.append(remote);
  const { joinCall } = await import("/static/call.js");
  const onLarge = (who) => told.push(who);
  joinCall({ visitId: "v", host: true, local: new MediaStream(), remoteVideo: remote, onLarge });
  window.hears = (message) => socket.onmessage({ data: JSON.stringify(message) });
  window.section = (person, at) => `m=video 9\\r\\na=mid:${at}\\r\\na=msid:${person} x\\r\\na=sendonly\\r\\n`;
  // The picture that is the large one, by the section of the answer that it came in.
  const shown = ({ receiver }) => receiver.track === remote.srcObject?.getTracks()[0];
  window.large = () => connections[0].transceivers.findIndex(shown);
}"""
AMIRA = {"participant": "amira", "role": "patient", "kind": "", "sends": True, "admitted": True, "live": True}
INES = AMIRA | {"participant": "ines", "role": "guest", "kind": "interpreter"}


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with stage(chromium, "admin_supervisors") as staged:
        page = staged.open()
        page.evaluate(PATIENT)
        page.evaluate(CALL)
        becomes(page, "said.length === 1")
        yield page


def room(page: Page, *peers: dict[str, Any], kind: str = "state", **other: Any) -> None:
    you = {"participant": "me", "role": "clinician", "kind": "", "sends": True, "admitted": True}
    told = {"type": kind, "you": you, "mode": "node", "epoch": 1, "generation": 1, "partner": None, "polite": True}
    page.evaluate("(message) => hears(message)", told | {"peers": peers} | other)


def join(page: Page, *peers: dict[str, Any]) -> None:
    room(page, *peers, kind="welcome", session="s", seq=0, ack=0, resumed=False)


def answered(page: Page, *people: str, offer: int = 1) -> None:
    """The answer to that offer, in which those people are shown."""
    page.wait_for_function("(count) => said.filter(({ type }) => type === 'offer').length >= count", arg=offer)
    page.evaluate(
        """(people) => hears({ type: "answer", id: said.findLast(({ type }) => type === "offer").id,
          sdp: people.map(section).join("") })""",
        list(people),
    )


def whose(page: Page) -> Any:
    """Who was last said to be large, whether their camera is off, and at which place of the answer the picture came."""
    return page.evaluate("[told.at(-1)?.participant, told.at(-1)?.muted?.join() ?? '', large()]")


def test_what_is_said_of_the_large_picture_is_said_of_whose_it_is(page: Page) -> None:
    """The patient's comes first, but has not arrived; that their camera is off is not said over the interpreter's."""
    without = AMIRA | {"muted": ["video"]}
    join(page, without, INES)
    answered(page, "ines")
    becomes(page, "large() === 0")
    assert whose(page) == ["ines", "", 0]
    room(page, without, INES, AMIRA | {"participant": "later", "live": False})
    assert whose(page) == ["ines", "", 0]
    room(page, AMIRA, INES | {"muted": ["video"]})
    assert whose(page) == ["ines", "video", 0]


def test_who_has_just_left_does_not_become_the_large_picture(page: Page) -> None:
    join(page, INES, AMIRA)
    answered(page, "ines", "amira")
    becomes(page, "large() === 1")
    assert whose(page) == ["amira", "", 1]
    room(page, AMIRA)  # and the next answer is on its way
    page.wait_for_function("said.filter(({ type }) => type === 'offer').length === 2")
    assert whose(page) == ["amira", "", 1]
    room(page, INES)
    becomes(page, "large() === 0")
    assert whose(page) == ["ines", "", 0]


@pytest.mark.parametrize("camera", [True, False], ids=["camera", "sound only"])
def test_two_who_are_left_see_and_hear_each_other_without_the_node(page: Page, camera: bool) -> None:
    """Who has no picture is heard by what connects two as soon as their sound has come."""
    amira = AMIRA if camera else AMIRA | {"muted": ["video"]}
    join(page, amira, INES)
    answered(page, "amira", "ines")
    becomes(page, "large() === 0")
    room(page, amira, mode="p2p", partner="amira", generation=2)
    page.evaluate("(connections.at(-1).ontrack({ track: connections[0].transceivers[1].receiver.track }))")
    assert whose(page) == ["amira", "" if camera else "video", 0]
    sound = {"type": "inbound-rtp", "packetsReceived": 5}
    picture = sound | {"framesDecoded": 1}
    page.evaluate("(arrived) => (connections.at(-1).arrived = arrived)", [sound, picture] if camera else [sound])
    becomes(page, "large() === 1")
    assert whose(page) == ["amira", "" if camera else "video", 1]
    assert page.evaluate("connections[0].connectionState") == "closed"
