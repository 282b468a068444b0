"""The pages of those who are written to: what they get, and where. Only notifications need a script."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import PatientId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.notifications import addresses, devices
from telehealth.notifications.addresses import Address
from telehealth.notifications.gathering import reader_who
from telehealth.notifications.kinds import Purpose
from telehealth.notifications.ports import Caller, NoCaller, Texter
from telehealth.notifications.rules import Channel, Reader
from telehealth.notifications.schemas import WishesForm
from telehealth.notifications.wishes import Said
from telehealth.people import queries as people
from telehealth.visits.lifecycle.queries import own_visit_id
from telehealth.visits.lifecycle.service import open_visit

# The link in a mail: whoever has it has the mail


async def unsubscribe(call: Call, link: str, purpose: str) -> Response:
    """What is stopped at an address. Opening it changes nothing: mail scanners and previews open links too."""
    return await _shown(call, link, purpose)


async def unsubscribe_at_once(call: Call, link: str, purpose: str) -> Response:
    """No more messages of that purpose to that address: one click (RFC 8058), or the button on the page."""
    await call.run(_stop, link, _purpose(purpose))
    return await _shown(call, link, purpose)


async def subscribe_again(call: Call, link: str, purpose: str) -> Response:
    """Messages of that purpose again."""
    asked = _purpose(purpose)
    await call.run(_start, link, asked)
    return call.redirect(f"/unsubscribe/{link}/{asked}")


async def _shown(call: Call, link: str, purpose: str) -> Response:
    asked = _purpose(purpose)
    address, clinic = await call.run(_by_link, link)
    return call.render(
        "unsubscribe.html",
        address=address.shown,
        purpose=asked,
        stopped=asked in address.stopped,
        link=f"/unsubscribe/{link}/{asked}",
        clinic=clinic.name,
        phone=clinic.phone or None,
    )


async def _by_link(unit: Unit, link: str) -> tuple[Address, Any]:
    return await addresses.by_link(unit, link), await people.clinic(unit)


async def _stop(unit: Unit, link: str, purpose: Purpose) -> None:
    await addresses.stop(unit, await addresses.by_link(unit, link), [purpose], Said.LINK)


async def _start(unit: Unit, link: str, purpose: Purpose) -> None:
    await addresses.start(unit, await addresses.by_link(unit, link), [purpose])


def _purpose(text: str) -> Purpose:
    """Raises NotFound."""
    try:
        return Purpose(text)
    except ValueError:
        raise NotFound from None


# The patient's page


async def own_messages(call: Call) -> Response:
    """Which messages the patient gets, where, and what comes first."""
    return call.render("messages.html", saved=False, **await call.run(_own, _offered(call)))


async def save_own_messages(call: Call, body: WishesForm) -> Response:
    """Change it."""
    offered = _offered(call)
    await call.run(_save, body, offered)
    return call.render("messages.html", saved=True, **await call.run(_own, offered))


async def show_nowhere(call: Call) -> Response:
    """No more notifications, in any browser."""
    await call.run(_forget_all)
    return call.redirect("/visit/messages")


@dataclass(frozen=True, slots=True)
class Offered:
    """What the house can reach people by; `region` is where a number without + is."""

    region: str
    channels: tuple[Channel, ...]


def _offered(call: Call) -> Offered:
    texter = call.port(Texter)
    calls = not isinstance(call.port(Caller), NoCaller)
    return Offered(texter.region, tuple(each for each in Channel if calls or each is not Channel.PHONE))


async def _own(unit: Unit, offered: Offered) -> dict[str, Any]:
    patient_id, reader = await _patient(unit)
    found = await _addresses(unit, reader, offered)
    first = await addresses.preferred(unit, patient_id)
    clinic = await people.clinic(unit)
    unit.audit("read", "message_preference", patient_id, patient_id=patient_id)
    return {
        "preferred": reader.language,
        "addresses": [
            {"channel": each.channel, "shown": each.shown, "wanted": frozenset(Purpose) - each.stopped}
            for each in found
        ],
        "purposes": list(Purpose),
        "browsers": len(await devices.devices_of(unit, (Role.PATIENT, patient_id))),
        "first": first.get(Purpose.APPOINTMENTS),
        "clinic": clinic.name,
        "phone": clinic.phone or None,
    }


async def _forget_all(unit: Unit) -> None:
    patient_id, _ = await _patient(unit)
    await devices.forget(unit, (Role.PATIENT, patient_id))


async def _save(unit: Unit, form: WishesForm, offered: Offered) -> None:
    patient_id, reader = await _patient(unit)
    for address in [each for each in await _addresses(unit, reader, offered) if each.channel in form.shown]:
        wanted = form.wanted(address.channel)
        await addresses.stop(unit, address, frozenset(Purpose) - wanted, Said.PAGE)
        await addresses.start(unit, address, wanted)
    if form.first is not None:
        for purpose in Purpose:
            await addresses.prefer(unit, patient_id, purpose, form.first)


async def _patient(unit: Unit) -> tuple[PatientId, Reader]:
    """Whose visit the link leads to. Raises NotFound."""
    visit = await open_visit(unit, own_visit_id(unit))
    patient = await people.patient(unit, visit.patient_id)
    return patient.id, await reader_who(unit, patient)


async def _addresses(unit: Unit, reader: Reader, offered: Offered) -> list[Address]:
    found = [await addresses.address_of(unit, channel, reader, offered.region) for channel in offered.channels]
    return [each for each in found if each is not None]
