"""All the ways in to visits: those of its packages together."""

from telehealth.visits.appointments import routes as appointments
from telehealth.visits.escalation import routes as escalation
from telehealth.visits.front_desk import routes as front_desk
from telehealth.visits.gates import routes as gates
from telehealth.visits.lifecycle import routes as lifecycle
from telehealth.visits.participants import routes as participants
from telehealth.visits.waiting_room import routes as waiting_room

PACKAGES = (lifecycle, participants, gates, escalation, waiting_room, appointments, front_desk)
OPERATIONS = tuple(each for package in PACKAGES for each in package.OPERATIONS)
PAGES = tuple(each for package in PACKAGES for each in package.PAGES)
