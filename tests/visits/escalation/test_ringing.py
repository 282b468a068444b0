"""An alert rings on the clinician's devices beside the mail, also at night, and says nothing about the patient."""

import json
from uuid import UUID

from telehealth.core.actors import SYSTEM, Role
from telehealth.notifications import devices
from tests.kit.pushes import Browser
from tests.visits.escalation.conftest import Ward

ADA = "ada@clinic.example"


async def test_an_alert_is_shown_beside_the_mail(ward: Ward) -> None:
    device = Browser("https://push.example/ada").device
    clinician = (Role.CLINICIAN, UUID(str(ward.own.person_id)))
    await ward.unit_of_work.run(devices.keep, SYSTEM, clinician, device)
    await ward.come()
    assert await ward.wait(120) == [ADA]
    ((push, whose),) = ward.pusher.sent
    told = json.loads(push.words)
    assert (whose, told["body"], told["path"], told["stays"]) == (device, "Someone is waiting for you", "/day", True)
    assert push.urgency.value == "high"
    assert not any(word in push.words for word in ("Rosa", "Moreno", str(ward.visit_id)))
    await ward.wait(30)
    assert len(ward.pusher.sent) == 1
