"""The ways to what notes begin with."""

from telehealth.core.actors import Scope
from telehealth.core.errors import NotFound
from telehealth.http.operation import Operation, page
from telehealth.records.templates import administration

TEMPLATES, _WRITE = "/admin/note-templates", Scope.VISIT_TYPES_WRITE
OPERATIONS: tuple[Operation, ...] = ()
PAGES = (
    page("GET", TEMPLATES, administration.template_page, needs=_WRITE, stays=("visit_type",)),
    page("POST", TEMPLATES, administration.publish_template, needs=_WRITE, errors=(NotFound,)),
)
