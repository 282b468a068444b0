"""Browsers that ask for notifications, and no more of them: a patient's on their page, a clinician's on their board."""

from telehealth.core.actors import Role
from telehealth.core.errors import Kind, NotFound, Refusal
from telehealth.core.ids import PatientId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.notifications import devices
from telehealth.notifications.channels import ring_first
from telehealth.notifications.devices import Person, octets
from telehealth.notifications.ports import Device, Pusher
from telehealth.notifications.schemas import Browser, Notifying, Renewal, Subscription
from telehealth.notifications.sealing import Unsealable, public_key
from telehealth.visits.lifecycle.queries import own_visit_id
from telehealth.visits.lifecycle.service import open_visit

AUTH_OCTETS = 16
Keys = tuple[bytes, bytes]


class NoNotifications(Refusal):
    kind, slug, title = Kind.INVALID, "no-notifications", "This browser cannot be sent notifications"


async def patients_devices(call: Call) -> Notifying:
    """By what a browser asks for notifications, and in which the patient is shown them."""
    person = await call.run(_read_patients)
    return await _notifying(call, person)


async def clinicians_devices(call: Call) -> Notifying:
    """By what a browser asks for notifications, and in which the clinician is shown alerts."""
    return await _notifying(call, _clinician(call))


async def notify_patient(call: Call, body: Subscription) -> None:
    """Show what is for the patient in this browser too."""
    _fit(call, body)
    await call.run(_keep_patients, body)


async def notify_patient_no_more(call: Call, body: Browser) -> None:
    """Show the patient nothing more in this browser."""
    await call.run(_forget_patients, body.endpoint)


async def notify_clinician(call: Call, body: Subscription) -> None:
    """Show the clinician's alerts in this browser too."""
    _fit(call, body)
    await call.run(_keep, _clinician(call), body)


async def notify_clinician_no_more(call: Call, body: Browser) -> None:
    """Show the clinician no more alerts in this browser."""
    await call.run(devices.forget, _clinician(call), body.endpoint)


async def renew_browser(call: Call, body: Renewal) -> None:
    """A browser's push service has given it another place: nobody has a page open then, and sessions may be over. What
    the browser alone was told of the former one says that it is it.
    """
    _fit(call, body.present)
    former, present = ((each.endpoint, _keys(each)) for each in (body.former, body.present))
    await call.run(_renew, former, present)


async def _renew(unit: Unit, former: tuple[str, Keys], present: tuple[str, Keys]) -> None:
    made = [
        Device(id=unit.new_id(), endpoint=endpoint, p256dh=p256dh, auth=auth)
        for endpoint, (p256dh, auth) in (former, present)
    ]
    await devices.renew(unit, *made)


async def _notifying(call: Call, person: Person) -> Notifying:
    known = await call.run(devices.devices_of, person)
    return Notifying(key=call.port(Pusher).key, known=devices.known_by(known))


def _fit(call: Call, body: Subscription) -> None:
    """Raises NoNotifications for what nothing could be sent to, NotFound in a house without notifications."""
    pusher = call.port(Pusher)
    if not pusher.key:
        raise NotFound
    try:
        public_key(octets(body.keys.p256dh))
        whole = len(octets(body.keys.auth)) == AUTH_OCTETS
    except (Unsealable, ValueError):
        whole = False
    if not whole or not pusher.takes(body.endpoint):
        raise NoNotifications


def _clinician(call: Call) -> Person:
    """Raises NotFound for other staff."""
    if call.actor.role is not Role.CLINICIAN or call.actor.person_id is None:
        raise NotFound
    return Role.CLINICIAN, call.actor.person_id


async def _patient(unit: Unit) -> Person:
    """Whose visit the link leads to. Raises NotFound."""
    return Role.PATIENT, (await open_visit(unit, own_visit_id(unit))).patient_id


async def _read_patients(unit: Unit) -> Person:
    role, patient_id = await _patient(unit)
    unit.audit("read", "push_device", patient_id, patient_id=PatientId(patient_id))
    return role, patient_id


async def _keep_patients(unit: Unit, body: Subscription) -> None:
    person = await _patient(unit)
    await _keep(unit, person, body)
    await ring_first(unit, person[1])


async def _forget_patients(unit: Unit, endpoint: str) -> None:
    await devices.forget(unit, await _patient(unit), endpoint)


async def _keep(unit: Unit, person: Person, body: Subscription) -> None:
    p256dh, auth = _keys(body)
    await devices.keep(unit, person, Device(id=unit.new_id(), endpoint=body.endpoint, p256dh=p256dh, auth=auth))


def _keys(body: Subscription) -> Keys:
    """Raises NotFound for what is no base64url: there is no such browser."""
    try:
        return octets(body.keys.p256dh), octets(body.keys.auth)
    except ValueError:
        raise NotFound from None
