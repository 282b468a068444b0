"""call.js in two Chromium pages with fake cameras, through the real signalling of two web processes."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

import telehealth
from telehealth.core.actors import SYSTEM
from telehealth.db.unit import UnitOfWork
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.call_process import running_web
from tests.kit.calls import Side, open_side
from tests.kit.meetings import Meeting, status_becomes
from tests.kit.signalling import behind

pytestmark = pytest.mark.browser

# A network that lets nothing through, and says so to nobody: `deaf` sockets neither hear nor speak. Meanwhile the beat
# stands still that would find it out after nine seconds. `gaveUp` tells of each socket that the page closed whether it
# had been asked since it was last heard.
DEAF = """
const BEAT = 4000;
const every = setInterval;
window.setInterval = (act, ms) => every(() => (ms === BEAT && window.deaf ? undefined : act()), ms);
const Real = WebSocket;
window.gaveUp = [];
window.WebSocket = class extends Real {
  asked = false;
  send(text) {
    this.asked = true;
    if (window.deaf !== this) super.send(text);
  }
  set onmessage(hear) {
    super.onmessage = hear && ((event) => {
      if (window.deaf === this) return;
      this.asked = false;
      hear(event);
    });
  }
  close(...why) {
    window.gaveUp.push(this.asked);
    super.close(...why);
  }
  constructor(...address) {
    super(...address);
    window.socket = this;
  }
};
"""
CALL = Path(telehealth.__file__).parent / "web" / "static" / "call.js"


@pytest.fixture
async def sides(database: str, valkey: str, meeting: Meeting, browser: Browser) -> AsyncIterator[tuple[Side, Side]]:
    """The clinician's page and the patient's, each from a web process of its own."""
    one, other = behind(database, valkey, meeting), behind(database, valkey, meeting)
    with running_web(one, other):
        host = await open_side(browser, one, meeting, host=True)
        yield host, await open_side(browser, other, meeting, host=False, script=DEAF)


async def both_see(*sides: Side) -> None:
    try:
        for side in sides:
            await side.becomes("connected")
            await side.sees_the_other()
    except AssertionError as error:
        raise AssertionError([await side.account() for side in sides]) from error


async def status(unit_of_work: UnitOfWork, meeting: Meeting) -> VisitStatus:
    return (await unit_of_work.run(visits.open_visit, SYSTEM, meeting.visit_id)).status


async def exchanges_cameras(host: Side, guest: Side) -> None:
    """Another camera, without a new connection."""
    await guest.do(
        """navigator.mediaDevices.getUserMedia({ video: true }).then((stream) => call.put(stream.getTracks()[0]))"""
    )
    await host.sees_the_other()
    assert await host.do("peers.length") == 1


async def leaves_a_deaf_socket(host: Side, guest: Side) -> None:
    """Where media are quiet the socket is asked. One that answers stays; one that does not is not waited for."""
    await guest.do("void (gaveUp.length = 0)")
    await host.do("window.sent = peers.at(-1).getSenders().map((sender) => [sender, sender.track])")
    await host.do("void sent.forEach(([sender]) => sender.replaceTrack(null))")
    await guest.becomes("reconnecting")
    assert all(await guest.do("gaveUp"))
    await guest.until("socket.readyState === 1")
    await guest.do("void (window.deaf = socket)")
    await guest.until("socket !== deaf")
    await guest.do("void (window.deaf = null)")
    await host.do("void sent.forEach(([sender, track]) => sender.replaceTrack(track))")
    await both_see(host, guest)


async def test_two_browsers_in_a_call(sides: tuple[Side, Side], meeting: Meeting, unit_of_work: UnitOfWork) -> None:
    host, guest = sides
    await both_see(host, guest)
    await status_becomes(unit_of_work, meeting.visit_id, VisitStatus.IN_PROGRESS)

    # A reload on either side returns to the call.
    for side in (guest, host):
        await side.page.reload()
        await both_see(host, guest)

    # A socket that breaks is nothing to see: media go on, the session is resumed.
    await host.do("void dispatchEvent(new Event('online'))")
    await host.sees_the_other(more_frames=30)
    assert await host.do("peers.length") == 1

    # Sound off and on is the page's own business; words cross.
    assert await guest.do("call.toggle('audio')") is False
    assert await guest.do("call.toggle('audio', true)") is True
    await guest.do("call.chat('Good morning')")
    await host.until("document.title === 'patient: Good morning'")

    # A camera that is off shows black and is no frozen picture: frames come all the same.
    await guest.do("call.toggle('video', false)")
    await host.sees_the_other(more_frames=60)
    await guest.do("call.toggle('video', true)")

    await exchanges_cameras(host, guest)
    await leaves_a_deaf_socket(host, guest)

    # Hanging up ends no visit: the other side waits, and the caller may come back.
    await guest.do("call.close()")
    await host.becomes("left")
    assert await status(unit_of_work, meeting) is VisitStatus.IN_PROGRESS
    await guest.page.reload()
    await both_see(host, guest)

    # Only the clinician ends it, and both pages know.
    await unit_of_work.run(visits.end, meeting.clinician, meeting.visit_id)
    await guest.becomes("ended")
    await host.becomes("ended")
    for side in sides:
        assert side.complaints == []
        assert all(address.split("/")[2].startswith("localhost:") for address in side.addresses)


async def test_a_connection_closed_in_mid_negotiation_holds_up_no_later_one(sides: tuple[Side, Side]) -> None:
    """What was begun on a connection that is closed meanwhile never settles (W3C WebRTC, 4.4.1.2)."""
    host, guest = sides
    await both_see(host, guest)
    await host.do(
        """void (RTCPeerConnection.prototype.setRemoteDescription = function () {
          delete RTCPeerConnection.prototype.setRemoteDescription;
          window.begun = true;
          return new Promise(() => {});
        })"""
    )
    await guest.page.reload()
    await host.until("window.begun")
    await guest.page.reload()
    await both_see(host, guest)


def test_the_call_is_small() -> None:
    assert len(gzip.compress(CALL.read_bytes())) < 6000
