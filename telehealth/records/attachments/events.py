"""What happened to files of a visit."""

from dataclasses import dataclass
from uuid import UUID

from telehealth.core.events import Event
from telehealth.core.ids import VisitId
from telehealth.visits.lifecycle.events import visit_topic


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesChanged(Event):
    """A file was added to a visit, or taken away: wakes its pages."""

    visit_id: VisitId
    attachment_id: UUID

    def topics(self) -> tuple[str, ...]:
        return (visit_topic(self.visit_id),)
