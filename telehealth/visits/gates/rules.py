"""What stands between arriving and the waiting room: consent, place, intake, devices. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from telehealth.core.errors import Kind, Refusal


class Gate(StrEnum):
    """In the order in which a patient meets them."""

    CONSENT = "consent"
    INTAKE = "intake"
    LOCATION = "location"
    DEVICES = "devices"


class GateState(StrEnum):
    """`open` is passed, `closed` is still in the way, `waived` was opened by staff, with a reason."""

    OPEN = "open"
    CLOSED = "closed"
    WAIVED = "waived"


class GatesClosed(Refusal):
    """`gates` names what is still to be done, in order."""

    kind, slug, title = Kind.CONFLICT, "gates-closed", "Something is still to be done before the waiting room"


class NoSuchGate(Refusal):
    kind, slug, title = Kind.CONFLICT, "no-such-gate", "This visit asks for nothing of the kind"


class TextChanged(Refusal):
    """It is not the text in force: it was replaced since it was shown, or is for other visits."""

    kind, slug, title = Kind.CONFLICT, "consent-text-changed", "The text has changed: read the new one first"


class PreparationOver(Refusal):
    kind, slug, title = Kind.CONFLICT, "preparation-over", "The visit has begun or is over: this cannot be changed now"


class PublishedMeanwhile(Refusal):
    kind, slug, title = Kind.CONFLICT, "published-meanwhile", "Somebody else has just published another version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of a visit's gates. A thing that is not asked for has no gate.

    `consent_asked`: a text is in force for it, `consented`: the patient agreed to that very text. `licensed` is
    whether the clinician may treat the patient where they said they are, None while they have not said.
    """

    consent_asked: bool = False
    consented: bool = False
    intake_asked: bool = False
    intake_complete: bool = False
    place_asked: bool = False
    licensed: bool | None = None
    devices_checked: bool = False
    waived: frozenset[Gate] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """One gate of a visit and how it stands."""

    gate: Gate
    state: GateState


def standing_gates(found: Found) -> tuple[Standing, ...]:
    """Every gate the visit has, in order. What was done counts as done, also where it was waived before."""
    asked = (
        (Gate.CONSENT, found.consent_asked, found.consented),
        (Gate.INTAKE, found.intake_asked, found.intake_complete),
        (Gate.LOCATION, found.place_asked, found.licensed is True),
        (Gate.DEVICES, True, found.devices_checked),
    )
    return tuple(Standing(gate, _state(gate, done, found.waived)) for gate, needed, done in asked if needed)


def closed_gates(standings: Iterable[Standing]) -> tuple[Gate, ...]:
    """What is still to be done; nothing of it opens the waiting room."""
    return tuple(each.gate for each in standings if each.state is GateState.CLOSED)


BEFORE_CAMERA = frozenset({Gate.CONSENT, Gate.INTAKE})


def to_prepare(standings: Iterable[Standing]) -> tuple[Gate, ...]:
    """What the patient has to do before the camera is turned on."""
    return tuple(gate for gate in closed_gates(standings) if gate in BEFORE_CAMERA)


def _state(gate: Gate, done: bool, waived: frozenset[Gate]) -> GateState:
    if done:
        return GateState.OPEN
    return GateState.WAIVED if gate in waived else GateState.CLOSED


@dataclass(frozen=True, slots=True)
class Waiver:
    """Who of the staff let a gate stand open, and when; `waived_by` is "" for the house itself.

    `reason` is clinical: None for whoever neither wrote it nor gives the visit.
    """

    waived_at: datetime
    waived_by: str
    reason: str | None


# Consent


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentText:
    """One version of what patients are asked to agree to, in one or more languages (ISO 639-1 -> text).

    It is for one kind of visit and one jurisdiction (ISO 3166), or for all of them where these are None. A paragraph
    ends with an empty line.
    """

    id: UUID
    visit_type_id: UUID | None
    jurisdiction: str | None
    version: int
    texts: dict[str, str]
    published_at: datetime
    retired_at: datetime | None = None

    def in_language(self, wanted: str) -> "Wording":
        """As the reader speaks; else in English, else in the first language there is."""
        language = next(each for each in (wanted, "en", *self.texts) if each in self.texts)
        return Wording(language, tuple(filter(None, map(str.strip, self.texts[language].split("\n\n")))))


@dataclass(frozen=True, slots=True)
class Given:
    """A text that was agreed to, in which of its languages, and whether that was taken back."""

    text: ConsentText
    language: str
    agreed_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wording:
    """A text as it is shown: its language and its paragraphs."""

    language: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Concern:
    """What a visit is as far as texts go: its kind, and where the patient is (ISO 3166) if anybody said."""

    visit_type_id: UUID
    jurisdiction: str | None

    @classmethod
    def of(cls, visit_type_id: UUID, *told: str | None) -> Self:
        """The first place that was told counts."""
        return cls(visit_type_id, next(filter(None, told), None))


def text_in_force(texts: Iterable[ConsentText], concern: Concern) -> ConsentText | None:
    """The one text a patient is asked to agree to; None when nothing is asked.

    A text of the jurisdiction counts before one of its country, that before one for everywhere: it is the law there
    that asks for it. Among those, one of this kind of visit counts before one for all; then the latest.
    """
    fitting = [each for each in texts if each.retired_at is None and _fits(each, concern)]
    return max(fitting, key=_closeness, default=None)


def _fits(text: ConsentText, concern: Concern) -> bool:
    of_kind = text.visit_type_id in (None, concern.visit_type_id)
    here = concern.jurisdiction or ""
    return of_kind and text.jurisdiction in (None, here, here.partition("-")[0])


def _closeness(text: ConsentText) -> tuple[int, bool, datetime, int]:
    return len(text.jurisdiction or ""), text.visit_type_id is not None, text.published_at, text.version
