"""A call from a network that lets no WebSocket through: call.js goes on by long polling."""

import pytest

from telehealth.db.unit import UnitOfWork
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.call_process import running_web
from tests.kit.calls import chromium, open_side
from tests.kit.meetings import Meeting, status_becomes
from tests.kit.signalling import behind

pytestmark = pytest.mark.browser
SHUT = """
window.WebSocket = class {
  constructor() { setTimeout(() => this.onclose?.({ code: 1006, reason: "" })); }
  send() {}
  close() {}
};
"""


async def test_a_patient_without_sockets(
    database: str, valkey: str, meeting: Meeting, unit_of_work: UnitOfWork
) -> None:
    web = behind(database, valkey, meeting)
    with running_web(web):
        async with chromium() as browser:
            host = await open_side(browser, web, meeting, host=True)
            guest = await open_side(browser, web, meeting, host=False, script=SHUT)
            for side in (host, guest):
                await side.becomes("connected")
                await side.sees_the_other()
            assert any(each.endswith("/v1/signalling/poll") for each in guest.addresses)
            await status_becomes(unit_of_work, meeting.visit_id, VisitStatus.IN_PROGRESS)

            await host.do("call.chat('Can you hear me?')")
            await guest.until("document.title === 'clinician: Can you hear me?'")
            await guest.do("call.chat('Yes')")
            await host.until("document.title === 'patient: Yes'")

            await guest.do("call.close()")
            await host.becomes("left")
            assert host.complaints == guest.complaints == []
