"""The ways to an after-visit summary: release it, read it."""

from uuid import UUID

from telehealth.access.rules import NoGrant
from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotFound
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.operation import operation, page
from telehealth.records.after_visit import pages, queries, service
from telehealth.records.after_visit.ports import PatientTasks
from telehealth.records.after_visit.rules import (
    NoteAmended,
    NothingSigned,
    NothingToRelease,
    NotOnOffer,
    SummaryWithdrawn,
)
from telehealth.records.after_visit.schemas import AfterVisitSummaryView, OfferView, ReleaseSummary, ReleasesView
from telehealth.records.charting.rules import NoteRetracted


async def list_after_visit_summaries(call: Call, visit: UUID) -> ReleasesView:
    """What the patient was given to read after the visit, and what of the signed note can be given now."""
    return await call.run(_listed, visit, call.port(PatientTasks))


async def release_after_visit_summary(call: Call, visit: UUID, body: ReleaseSummary) -> AfterVisitSummaryView:
    """Give the patient that of the signed note to read; they are told. The same again is not released again."""
    return AfterVisitSummaryView.of(await call.run(service.release, visit, body.wanted(), call.port(PatientTasks)))


async def read_after_visit_summary(call: Call, visit: UUID) -> AfterVisitSummaryView:
    """The last summary that the patient was given, without appointments and tasks, which are other data."""
    found = await call.run(queries.granted_summary, visit)
    if found.contents is None:
        raise SummaryWithdrawn
    return AfterVisitSummaryView.of(found, words_alone=True)


async def _listed(unit: Unit, visit_id: UUID, tasks: PatientTasks) -> ReleasesView:
    found = await queries.releases(unit, visit_id)
    offer = await pages.offered(unit, visit_id, tasks)
    return ReleasesView(
        offer=None if offer is None else OfferView.of(offer),
        items=[AfterVisitSummaryView.of(each) for each in found],
    )


_NOTES, _CARE, _JOIN, _OWN = Scope.NOTES_WRITE, Purpose.TREATMENT, Scope.VISITS_JOIN, Purpose.PATIENT_REQUEST
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
        errors=(NotFound, NothingSigned, NoteRetracted, NoteAmended, NotOnOffer, NothingToRelease),
    ),
    operation(
        "GET",
        "/v1/visits/{visit:uuid}/after-visit-summary",
        read_after_visit_summary,
        needs=Scope.SUMMARIES_READ,
        purpose=_CARE,
        errors=(NotFound, NoGrant, SummaryWithdrawn),
    ),
)
PAGES = (
    page("GET", PAGE, pages.release_page, needs=_NOTES, purpose=_CARE),
    page("POST", PAGE, pages.release_on_page, needs=_NOTES, purpose=_CARE),
    page("GET", "/visit/summary", pages.own_summary_page, needs=_JOIN, purpose=_OWN),
)
