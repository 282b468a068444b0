"""The ways in to care pathways: administrators write them, clinicians see what runs, start and stop it."""

from uuid import UUID

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import ConditionMissing, NotFound, Stale
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, required_match
from telehealth.http.operation import operation, page
from telehealth.pathways import administration, queries, service
from telehealth.pathways.rules import Pathway, PathwayRuns, UnfitPathway, VisitVoid
from telehealth.pathways.schemas import PathwayContent, PathwaysView, PathwayView, RunsView, RunView, StartPathway


async def list_pathways(call: Call) -> PathwaysView:
    """The versions in force."""
    return PathwaysView(items=[PathwayView.of(each) for each in await call.run(queries.in_force)])


async def read_pathway(call: Call, code: str) -> Reply[PathwayView]:
    """The version in force, and its number."""
    return _reply(await call.run(queries.pathway, code))


async def list_pathway_versions(call: Call, code: str) -> PathwaysView:
    """All versions there were, the latest first."""
    return PathwaysView(items=[PathwayView.of(each) for each in await call.run(queries.versions, code)])


async def publish_pathway(call: Call, code: str, body: PathwayContent) -> Reply[PathwayView]:
    """The next version, over the one that was read; what runs already goes on as it was begun."""
    return _reply(await call.run(service.publish, code, body.content(), version=required_match(call)))


async def retire_pathway(call: Call, code: str) -> None:
    """It is not started any more; what runs goes on."""
    await call.run(service.retire, code, version=required_match(call))


async def list_runs(call: Call, visit: UUID) -> RunsView:
    """What was started for a visit, why and by whom, and what may be."""
    runs, known = await call.run(queries.runs_of, visit), await call.run(queries.in_force)
    return RunsView.of(runs, known)


async def start_pathway(call: Call, visit: UUID, body: StartPathway) -> RunView:
    """Start one by hand: what it asks for is planned at once."""
    return RunView.of(await call.run(service.start, visit, body.pathway))


async def stop_pathway(call: Call, visit: UUID, run: UUID) -> RunView:
    """Cancel what nobody has begun of it; saying so twice is no fault."""
    return RunView.of(await call.run(service.stop, visit, run))


def _reply(pathway: Pathway) -> Reply[PathwayView]:
    return Reply(PathwayView.of(pathway), headers=etag(pathway.version))


_ADMIN, _NOTES, _CARE = Scope.VISIT_TYPES_WRITE, Scope.NOTES_WRITE, Purpose.TREATMENT
PATHWAY, RUNS = "/v1/care-pathways/{code}", "/v1/visits/{visit:uuid}/care-pathways"
_STARTING = (NotFound, VisitVoid, PathwayRuns)
_CONFLICTS = (ConditionMissing, Stale)
OPERATIONS = (
    operation("GET", "/v1/care-pathways", list_pathways, needs=_ADMIN),
    operation("GET", PATHWAY, read_pathway, needs=_ADMIN, errors=(NotFound,)),
    operation("GET", f"{PATHWAY}/versions", list_pathway_versions, needs=_ADMIN, errors=(NotFound,)),
    operation("PUT", PATHWAY, publish_pathway, needs=_ADMIN, errors=(UnfitPathway, *_CONFLICTS)),
    operation("DELETE", PATHWAY, retire_pathway, needs=_ADMIN, status=204, errors=(NotFound, *_CONFLICTS)),
    operation("GET", RUNS, list_runs, needs=_NOTES, purpose=_CARE, errors=(NotFound,)),
    operation("POST", RUNS, start_pathway, needs=_NOTES, purpose=_CARE, status=201, errors=_STARTING),
    operation("POST", f"{RUNS}/{{run:uuid}}/stop", stop_pathway, needs=_NOTES, purpose=_CARE, errors=(NotFound,)),
)
PAGE = f"{administration.PATH}/{{code}}"
PAGES = (
    page("GET", administration.PATH, administration.pathways_page, needs=_ADMIN),
    page("POST", administration.PATH, administration.open_pathway, needs=_ADMIN),
    page("GET", PAGE, administration.pathway_page, needs=_ADMIN, errors=(NotFound,)),
    page("POST", PAGE, administration.save_pathway, needs=_ADMIN, errors=(NotFound,)),
)
