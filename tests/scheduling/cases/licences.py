"""Kinds of cases about licences and where patients are."""

from datetime import date, datetime, timedelta
from typing import Any

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import ClinicianId
from telehealth.people import service as people
from telehealth.people.licensing import Whereabouts
from telehealth.visits.appointments import service as appointments
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import DeviceCheck
from telehealth.visits.participants import guests
from tests.kit.clinic import guest
from tests.scheduling.cases import acts
from tests.scheduling.cases.acts import wish_for
from tests.scheduling.cases.answers import Answer, attempted
from tests.scheduling.cases.queueing import hold_licences
from tests.scheduling.cases.races import clinician_actor
from tests.scheduling.cases.reading import Case, CaseFault
from tests.scheduling.cases.stage import Stage
from tests.scheduling.cases.words import at_clock, instant

Found = dict[str, Any]
A_DAY = timedelta(days=1)
BORN = date(1970, 1, 1)


async def eligibility(stage: Stage, case: Case) -> Found:
    """Who may be offered, or which starts: by where the patient will be."""
    given = case.given
    starts = [instant(each) for each in given["starts"]] if "starts" in given else [_one_start(case)]
    stage.at(min(starts) - timedelta(days=3))
    patient_id = await stage.patient()
    for each in given.get("patient_locations", ()):
        first, last = (date.fromisoformat(each[word]) if each.get(word) else None for word in ("from", "to"))
        await stage.run(people.attest, SYSTEM, patient_id, Whereabouts(str(each["at"]), first, last))
    if given.get("patient_location") is not None:
        await stage.run(people.attest, SYSTEM, patient_id, Whereabouts(str(given["patient_location"])))
    kind = await stage.kind(needs_licence=True)
    team: dict[str, ClinicianId] = {}
    for name, held in given.get("clinicians", {"clinician": given.get("clinician", ())}).items():
        team[name] = await stage.clinician(name)
        await hold_licences(stage, team[name], held)
    if given.get("book"):
        answer = await acts.book(stage, wish_for(kind, patient_id, starts[0], list(team.values())))
        shown = await stage.offers(kind, starts[0], clinician_ids=tuple(team.values()), patient_id=patient_id)
        return {"status": answer.status, "code": answer.code, "shown": shown, "booked": answer.well}
    if "clinicians" in given:
        able = [
            name
            for name, each in team.items()
            if await stage.offers(kind, starts[0], clinician_ids=(each,), patient_id=patient_id)
        ]
        return {"offered": able}
    hosts = tuple(team.values())
    return {"offered": [await stage.offers(kind, each, clinician_ids=hosts, patient_id=patient_id) for each in starts]}


def _one_start(case: Case) -> datetime:
    return instant(case.given["start"]) if "start" in case.given else at_clock("15:00")


async def check_in(stage: Stage, case: Case) -> Found:
    """A visit booked for one place, and a patient who says at the door that they are in another."""
    given = case.given
    start = at_clock("15:00")
    stage.at(start - A_DAY)
    patient_id = await stage.patient()
    await stage.run(people.attest, SYSTEM, patient_id, Whereabouts(str(given["booked_location"])))
    host = await stage.clinician()
    await hold_licences(stage, host, given["clinician"])
    kind = await stage.kind(needs_licence=True)
    booked = await stage.run(appointments.appoint, stage.acting(patient_id), wish_for(kind, patient_id, start, [host]))
    stage.at(start)
    answer = await _begun(stage, booked, host, str(given["attested"]))
    still = (await acts.visit_now(stage, booked.visit.id))["status"]
    if not answer.well and still not in {"arrived", "ready"}:
        raise CaseFault(f"the time was not kept: the visit is {still}")
    offered = answer.facts.get("alternatives")
    return {
        "start_allowed": answer.well,
        "status": answer.status,
        "code": answer.code,
        "alternatives": "licensed_clinicians_now_or_reschedule" if _has_both(offered) else offered,
    }


def _has_both(offered: Any) -> bool:
    return isinstance(offered, dict) and {"clinicians", "reschedule"} <= offered.keys() and bool(offered["reschedule"])


async def _begun(stage: Stage, booked: appointments.Booked, host: ClinicianId, place: str) -> Answer:
    """The patient identifies, says where they are, is ready; the clinician takes them in."""
    identified = await stage.run(guests.identify_guest, SYSTEM, booked.link_secret, BORN)
    if not isinstance(identified, guests.Identified):
        raise CaseFault("the patient could not be identified")
    actor = guest(identified.visit, identified.participant.id)
    visit_id = booked.visit.id
    await stage.run(lifecycle.attest_location, actor, visit_id, place)
    await stage.run(lifecycle.record_check, actor, visit_id, DeviceCheck.GOOD)
    ready = await attempted(stage.run(gates.make_ready, actor, visit_id))
    if not ready.well:
        return ready
    return await attempted(stage.run(lifecycle.admit, clinician_actor(host), visit_id))


KINDS = {"eligibility": eligibility, "check_in": check_in}
