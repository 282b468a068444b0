"""The ways to an after-visit summary: release it, read it."""

from enum import StrEnum
from uuid import UUID

from starlette.responses import Response

from telehealth.access.rules import NoGrant
from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotFound
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.http.accepting import preferred
from telehealth.http.call import Call, Reply
from telehealth.http.fhir import MEDIA_TYPE as FHIR_TYPE
from telehealth.http.fhir import resource_response
from telehealth.http.operation import Documented, operation, page
from telehealth.people import queries as people
from telehealth.people.rules import Clinic, own_identifier
from telehealth.records.after_visit import pages, queries, service
from telehealth.records.after_visit.documents import document_reference
from telehealth.records.after_visit.ports import PatientTasks
from telehealth.records.after_visit.rules import (
    NoteAmended,
    NothingSigned,
    NothingToRelease,
    NotOnOffer,
    Release,
    SummaryWithdrawn,
    WordsNotCosigned,
)
from telehealth.records.after_visit.schemas import AfterVisitSummaryView, OfferView, ReleaseSummary, ReleasesView
from telehealth.records.after_visit.sheets import Reader, pdf
from telehealth.records.charting.queries import Subject
from telehealth.records.charting.rules import NoteRetracted
from telehealth.records.charting.sheets import NotToBeDrawn, saved


async def list_after_visit_summaries(call: Call, visit: UUID) -> ReleasesView:
    """What the patient was given to read after the visit, and what of the signed note can be given now."""
    return await call.run(_listed, visit, call.port(PatientTasks))


async def release_after_visit_summary(call: Call, visit: UUID, body: ReleaseSummary) -> AfterVisitSummaryView:
    """Give the patient that of the signed note to read; they are told. The same again is not released again."""
    return AfterVisitSummaryView.of(await call.run(service.release, visit, body.wanted(), call.port(PatientTasks)))


class Form(StrEnum):
    """What a summary may be read as; the first is what is given when nothing is asked for."""

    JSON = "application/json"
    FHIR = FHIR_TYPE
    PDF = "application/pdf"


async def read_after_visit_summary(call: Call, visit: UUID) -> Reply[AfterVisitSummaryView] | Response:
    """The last summary the patient was given, without appointments and tasks: JSON, FHIR or a PDF, by Accept."""
    form = preferred(call.header("accept") or "", tuple(Form))
    found, clinic = await call.run(_granted, visit)
    if found.contents is None:
        raise SummaryWithdrawn
    if form is Form.JSON:
        return Reply(AfterVisitSummaryView.of(found), headers={"Vary": "Accept"})
    reader = Reader(
        locale=call.kit.pages.locales.negotiate(preferred=found.language),
        zone=parse_zone(clinic.time_zone),
        subject=Subject(own_identifier(found.patient_id)),
        clinic=clinic.name,
    )
    content = await pdf(found, reader)
    if form is Form.PDF:
        return saved(content, "summary.pdf", vary="Accept")
    return resource_response(document_reference(found, content), headers={"Vary": "Accept"})


async def _granted(unit: Unit, visit_id: UUID) -> tuple[Release, Clinic]:
    return await queries.granted_summary(unit, visit_id), await people.clinic(unit)


async def _listed(unit: Unit, visit_id: UUID, tasks: PatientTasks) -> ReleasesView:
    found = await queries.releases(unit, visit_id)
    offer = await pages.offered(unit, visit_id, tasks)
    return ReleasesView(
        offer=None if offer is None else OfferView.of(offer),
        items=[AfterVisitSummaryView.of(each) for each in found],
    )


_NOTES, _CARE, _JOIN, _OWN = Scope.NOTES_WRITE, Purpose.TREATMENT, Scope.VISITS_JOIN, Purpose.PATIENT_REQUEST
FORMS = (
    Documented(200, "application/json", AfterVisitSummaryView),
    *(Documented(200, form.value) for form in Form if form is not Form.JSON),
)
ALL = "/v1/visits/{visit:uuid}/after-visit-summaries"
PAGE = "/visits/{visit:uuid}/after-visit-summary"
OPERATIONS = (
    operation("GET", ALL, list_after_visit_summaries, needs=_NOTES, purpose=_CARE, errors=(NotFound,)),
    operation(
        "POST",
        ALL,
        release_after_visit_summary,
        needs=_NOTES,
        purpose=_CARE,
        status=201,
        errors=(NotFound, NothingSigned, NoteRetracted, NoteAmended, WordsNotCosigned, NotOnOffer, NothingToRelease),
    ),
    operation(
        "GET",
        "/v1/visits/{visit:uuid}/after-visit-summary",
        read_after_visit_summary,
        needs=Scope.SUMMARIES_READ,
        purpose=_CARE,
        errors=(NotFound, NoGrant, SummaryWithdrawn, NotToBeDrawn),
        answers=FORMS,
    ),
)
PAGES = (
    page("GET", PAGE, pages.release_page, needs=_NOTES, purpose=_CARE),
    page("POST", PAGE, pages.release_on_page, needs=_NOTES, purpose=_CARE),
    page("GET", "/visit/summary", pages.own_summary_page, needs=_JOIN, purpose=_OWN),
    page(
        "GET",
        "/visit/summary.pdf",
        pages.own_summary_pdf,
        needs=_JOIN,
        purpose=_OWN,
        errors=(SummaryWithdrawn, NotToBeDrawn),
    ),
)
