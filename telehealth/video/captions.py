"""Captions as rows: that there were some, from when until when, who agreed. What was said is kept nowhere."""

from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from telehealth.core.ids import ParticipantId, VisitId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.video import takings
from telehealth.video.language import Taking
from telehealth.video.ports import CaptionPermit
from telehealth.video.room import Tap
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.parts import PATIENT_SIDE, ParticipantKind
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants.rules import Participant


async def permit(
    unit: Unit,
    visit_id: VisitId,
    captions: UUID,
    present: Collection[ParticipantId],
    *,
    devices: Collection[ParticipantId] = (),
) -> CaptionPermit | None:
    """Whom the captioner may hear now, and in which language; None when somebody else has just asked.

    Nobody is heard unless all who are `present` have agreed. Raises TakingLost when the captions are over.
    """
    taking = Taking(Tap.CAPTIONS, captions)
    if not await takings.renew(unit, visit_id, taking, present):
        return None
    covered = await takings.covered(unit, taking, present, devices)
    spoken = await _languages(unit, visit_id) if covered else {}
    return CaptionPermit(captions=captions, speakers={each: spoken.get(each, "en") for each in covered})


async def _languages(unit: Unit, visit_id: VisitId) -> Mapping[ParticipantId, str]:
    visit = await visits.find(unit, visit_id)
    patient = await people.patient(unit, visit.patient_id)
    clinician = await people.clinician(unit, visit.clinician_id)
    everyone = await participants.participants_of(unit, visit_id)
    return {each.id: language_of(each, patient.language, clinician.languages) for each in everyone}


def language_of(who: Participant, of_patient: str, of_clinician: Iterable[str]) -> str:
    """What somebody is expected to speak: the patient's language, if they can; else their own."""
    if who.kind in PATIENT_SIDE:
        return of_patient
    if who.kind is not ParticipantKind.CLINICIAN:
        return who.language
    spoken = list(of_clinician)
    same = (each for each in spoken if each.partition("-")[0] == of_patient.partition("-")[0])
    return next(same, spoken[0] if spoken else of_patient)
