"""All the ways in to visits: those of its packages together."""

from telehealth.visits.appointments import routes as appointments
from telehealth.visits.gates import routes as gates
from telehealth.visits.lifecycle import routes as lifecycle
from telehealth.visits.waiting_room import routes as waiting_room

OPERATIONS = (*lifecycle.OPERATIONS, *gates.OPERATIONS, *waiting_room.OPERATIONS, *appointments.OPERATIONS)
PAGES = (*lifecycle.PAGES, *gates.PAGES, *waiting_room.PAGES, *appointments.PAGES)
