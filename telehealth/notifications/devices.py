"""The browsers that asked for notifications: one row a device, sealed, for whoever asked last at it."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import PatientId
from telehealth.db.unit import Unit
from telehealth.notifications.models import DeviceRow
from telehealth.notifications.ports import Device

MOST = 10  # devices of one person; who asks at one more loses the oldest
RENEWABLE = timedelta(days=30)  # a browser that was away for longer is asked again on its page
SUBSCRIPTION = ("push_device", "subscription")
Person = tuple[Role, UUID]


async def keep(unit: Unit, person: Person, device: Device) -> None:
    """From now on that browser shows what is for this person, and for nobody else; to say so again changes nothing."""
    row, (role, person_id) = DeviceRow, person
    values = {
        "role": role,
        "person_id": person_id,
        "subscription": unit.vault.seal((*SUBSCRIPTION, device.id), _written(device)),
        "asked_at": unit.now,
        "gone_at": None,
    }
    new = insert(row).values(id=device.id, endpoint_hash=hashed(device.endpoint), **values)
    kept = new.on_conflict_do_update(index_elements=[row.endpoint_hash], set_=values | {"id": device.id})
    await unit.session.execute(kept)
    theirs = select(row.id).where(row.role == role, row.person_id == person_id, row.gone_at.is_(None))
    oldest = theirs.order_by(row.asked_at.desc(), row.id.desc()).offset(MOST)
    await unit.session.execute(delete(row).where(row.id.in_(oldest)))
    unit.audit("create", "push_device", device.id, patient_id=_patient(person))


async def forget(unit: Unit, person: Person, endpoint: str | None = None) -> None:
    """No more notifications for this person at that browser; without one, at none of theirs."""
    row, (role, person_id) = DeviceRow, person
    which = [row.role == role, row.person_id == person_id]
    if endpoint is not None:
        which.append(row.endpoint_hash == hashed(endpoint))
    for gone in await unit.session.scalars(delete(row).where(*which).returning(row.id)):
        unit.audit("delete", "push_device", gone, patient_id=_patient(person))


async def forget_gone(unit: Unit, device_id: UUID) -> None:
    """That browser takes none any more there, or its keys are none: nothing is sent until it tells another place.

    What has told none for so long is forgotten for good.
    """
    row = DeviceRow
    await unit.session.execute(delete(row).where(row.gone_at < unit.now - RENEWABLE))
    there = (row.id == device_id, row.gone_at.is_(None))
    if await unit.session.scalar(update(row).where(*there).values(gone_at=unit.now).returning(row.id)):
        unit.audit("delete", "push_device", device_id, outcome="gone")


async def renew(unit: Unit, former: Device, present: Device) -> None:
    """A browser's push service has given it another place. Who knows the secrets of the former one is that browser:
    they were told to it and to us alone. It stays the same person's. Raises NotFound.
    """
    row = DeviceRow
    found = await unit.session.scalar(select(row).where(row.endpoint_hash == hashed(former.endpoint)).with_for_update())
    known = None if found is None else _read(unit, found)
    if found is None or known is None or not (_same(known.auth, former.auth) and _same(known.p256dh, former.p256dh)):
        raise NotFound
    if found.gone_at is not None and found.gone_at < unit.now - RENEWABLE:
        raise NotFound
    person = Role(found.role), found.person_id
    await unit.session.delete(found)
    await unit.session.flush()
    await keep(unit, person, present)


def _same(one: bytes, other: bytes) -> bool:
    return hmac.compare_digest(one, other)


async def devices_of(unit: Unit, person: Person) -> tuple[Device, ...]:
    """Every browser that shows what is for this person."""
    row, (role, person_id) = DeviceRow, person
    theirs = (row.role == role, row.person_id == person_id, row.gone_at.is_(None))
    asked = select(row).where(*theirs).order_by(row.id)
    return tuple([_read(unit, each) for each in await unit.session.scalars(asked)])


async def has_any(unit: Unit, person: Person) -> bool:
    row, (role, person_id) = DeviceRow, person
    theirs = (row.role == role, row.person_id == person_id, row.gone_at.is_(None))
    asked = select(func.count()).select_from(row).where(*theirs)
    return bool(await unit.session.scalar(asked))


def known_by(devices: tuple[Device, ...]) -> list[str]:
    """What a page knows its own browser again by, without telling where anything is sent."""
    return [hashed(each.endpoint).hex() for each in devices]


def hashed(endpoint: str) -> bytes:
    return sha256(endpoint.encode()).digest()


def octets(text: str) -> bytes:
    """From base64url without padding, as browsers write keys. Raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _written(device: Device) -> str:
    keys = [urlsafe_b64encode(each).decode().rstrip("=") for each in (device.p256dh, device.auth)]
    return json.dumps([device.endpoint, *keys])


def _read(unit: Unit, row: DeviceRow) -> Device:
    endpoint, p256dh, auth = json.loads(unit.vault.open((*SUBSCRIPTION, row.id), row.subscription))
    return Device(id=row.id, endpoint=endpoint, p256dh=octets(p256dh), auth=octets(auth))


def _patient(person: Person) -> PatientId | None:
    return PatientId(person[1]) if person[0] is Role.PATIENT else None
