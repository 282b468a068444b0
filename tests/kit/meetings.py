"""A visit and the two it is about."""

from dataclasses import dataclass

from telehealth.core.actors import Actor
from telehealth.core.ids import VisitId
from tests.kit.clinic import Clinic


@dataclass(frozen=True, slots=True)
class Meeting:
    clinic: Clinic
    visit_id: VisitId
    clinician: Actor
    patient: Actor
