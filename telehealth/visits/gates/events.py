"""What a patient has done before the visit. Waiving is a command of the lifecycle, with its own event."""

from telehealth.visits.lifecycle.events import VisitEvent


class ConsentGiven(VisitEvent):
    __slots__ = ()


class IntakeCompleted(VisitEvent):
    """The questions are answered, or answered anew."""

    __slots__ = ()
