"""Encounters and Appointments at a FHIR R4 server: found by the visit's identifier, then changed, else created."""

from telehealth.records.delivery.documents import Json
from telehealth.records.delivery.fhir_amending import change, read_resource
from telehealth.records.delivery.fhir_creating import create, located, polled
from telehealth.records.delivery.fhir_http import FhirServer, Settled, id_of
from telehealth.records.delivery.findings import Copy, Seen
from telehealth.records.delivery.ports import VisitState
from telehealth.records.delivery.profiles import Link, Profile, WriteBack
from telehealth.records.delivery.rules import Answer, Differs, Duplicated, Unresolved, Unsure
from telehealth.records.delivery.visit_resources import is_of, updated, visit_resource
from telehealth.visits.lifecycle.rules import VisitStatus

IN_ERROR = "entered-in-error"


class VisitRecords:
    """How a server takes what is of visits, as its profile says."""

    def __init__(self, server: FhirServer, profile: Profile) -> None:
        self._server = server
        self._profile = profile

    async def write(self, visit: VisitState) -> Answer:
        try:
            patient = await self._server.the_one("Patient", visit.patient)
            there = await self._found(visit)
            return await (self._created(visit, patient) if there is None else self._changed(visit, patient, there))
        except Settled as settled:
            return settled.answer

    async def look(self, visit: VisitState) -> Seen | Answer:
        try:
            patient = await self._server.the_one("Patient", visit.patient)
            found = await self._carriers(visit)
            if not found and visit.remote_id and (one := await self._at_its_address(visit, visit.remote_id)):
                found = [one]
        except Settled as settled:
            return settled.answer
        return Seen(tuple(Copy(str(each.get("status")), is_of(each, patient)) for each in found))

    async def _found(self, visit: VisitState) -> Json | None:
        """The one that is there: where it arrived once, else what carries the identifier. Raises Settled."""
        if visit.remote_id and (one := await self._at_its_address(visit, visit.remote_id)):
            return one
        match await self._carriers(visit):
            case []:
                return None
            case [one]:
                return one
            case several:
                raise Settled(Unresolved(visit.resource_type, len(several)))

    async def _carriers(self, visit: VisitState) -> list[Json]:
        return await self._server.carriers("GET", visit.resource_type, visit.visit)

    async def _at_its_address(self, visit: VisitState, remote_id: str) -> Json | None:
        try:
            return await read_resource(self._server, f"{visit.resource_type}/{remote_id}")
        except Settled as settled:
            if isinstance(settled.answer, Unresolved):
                return None
            raise

    async def _changed(self, visit: VisitState, patient: str, there: Json) -> Answer:
        def alter(resource: Json) -> Json | None:
            taken_back = resource.get("status") == IN_ERROR and visit.status is not VisitStatus.ENTERED_IN_ERROR
            if taken_back or not is_of(resource, patient):
                raise Settled(Differs(id_of(resource)))
            return updated(resource, visit)

        return await change(self._server, f"{visit.resource_type}/{id_of(there)}", alter, known=there)

    async def _created(self, visit: VisitState, patient: str) -> Answer:
        if self._profile.writes(visit.resource_type) is not WriteBack.WHOLE:
            raise Settled(Unresolved(visit.resource_type, 0))
        linked = self._profile.author is Link.LITERAL
        clinician = await self._server.the_one("Practitioner", visit.clinician) if linked else None
        resource = visit_resource(visit, patient=patient, clinician=clinician)
        reply = await create(self._server, resource, visit.visit, self._profile.create_mode)
        if reply.status == 202:
            reply = await polled(self._server, reply)
        match reply.status:
            case 201:
                return located(reply, visit.resource_type)
            case 200 | 409:  # it is there already, and a search did not show it: found and changed the next time
                return Unsure(reply.status)
            case 404 | 410:
                return Unresolved("Patient", 0)
            case 412:
                return Duplicated(2)
            case _:
                return self._server.refusal(reply, unsure=True)
