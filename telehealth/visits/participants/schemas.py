"""What participants say and hear on the wire, and in the forms of their pages."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from telehealth.core.actors import Role
from telehealth.http.schemas import FieldError, Message
from telehealth.people.schemas import Email, Language, Name, Phone, TypedEmail
from telehealth.visits.lifecycle.parts import NO_LINK, ParticipantKind, ParticipantState, Step, allowed
from telehealth.visits.participants.rules import Attendance, Companion, Participant

K = ParticipantKind
Typed = Annotated[str, Field(max_length=200)]


class InviteParticipant(Message):
    """Whom to invite: by `name`, with an address if the clinic is to send the link; who acts for the patient by
    `related_person_id` alone; a phone leg with its number.
    """

    kind: Literal["proxy", "family", "clinician", "trainee", "interpreter", "care_assistant", "phone"]
    name: Name | None = None
    email: Email | None = None
    phone: Phone | None = None
    language: Language = "en"
    related_person_id: UUID | None = None

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        kind = K(self.kind)
        if (kind is K.PROXY) != (self.related_person_id is not None):
            raise ValueError("a proxy, and nobody else, is named by related_person_id")
        if kind is not K.PROXY and self.name is None:
            raise ValueError("say by which name they are invited")
        if (kind is K.PHONE) != (self.phone is not None):
            raise ValueError("a phone leg, and nobody else, has a number")
        return self

    @property
    def companion(self) -> Companion:
        return Companion(
            kind=K(self.kind),
            name=self.name or "",
            email=self.email,
            phone=self.phone,
            language=self.language,
            related_person_id=self.related_person_id,
        )


class ResendLink(Message):
    """`fresh` makes another link; the one sent before opens nothing any more."""

    fresh: bool


class MarkParticipant(Message):
    """How far a phone leg is: staff asked who it is, they wait, are connected, are gone."""

    step: Literal["verify", "wait", "connect", "disconnect", "leave"]


class ParticipantView(Message):
    """Somebody who takes part, as staff see them. `verified_at` null: they have not shown who they are. `phone` is the
    number of a phone leg, told in the list of participants alone.

    `allowed` lists the steps whoever asks may give now; `locked_until` ahead: too many wrong answers at their link.
    """

    id: UUID
    visit_id: UUID
    kind: ParticipantKind
    state: ParticipantState
    since: datetime
    name: str
    email: str | None
    phone: str | None
    language: str
    invited_as: Role
    verified_at: datetime | None
    locked_until: datetime | None
    allowed: list[Step]

    @classmethod
    def of(cls, participant: Participant, role: Role) -> Self:
        fields = {name: getattr(participant, name) for name in cls.model_fields if name != "allowed"}
        return cls(**fields, allowed=list(allowed(participant.state, role, participant.circumstances())))


class InvitedView(Message):
    """`link` is their own address for this visit, null for a phone leg."""

    participant: ParticipantView
    link: str | None


class ParticipantsView(Message):
    """Everyone who takes part, first invited first."""

    items: list[ParticipantView]


class HappenedView(Message):
    """One step of somebody's part in the visit: who took it, and from which state (null: none) to which.

    A step may leave the state as it was. `actor_id` is null for the house itself and for who held a link at the
    identity step.
    """

    participant_id: UUID
    name: str
    kind: ParticipantKind
    seq: int
    at: datetime
    step: Step
    role: Role
    actor_id: UUID | None
    before: ParticipantState | None
    after: ParticipantState


class ParticipantHistoryView(Message):
    """What happened to everyone who takes part or did, oldest first."""

    items: list[HappenedView]


class AttendanceView(Message):
    """Where a companion's visit stands for them."""

    stage: Attendance
    state: ParticipantState
    starts_at: datetime
    opens_at: datetime
    closes_at: datetime
    fallback_phone: str


# Forms


class NameForm(Message):
    """The name somebody was invited by, as typed."""

    name: Typed = ""


COMPANION_FIELDS: tuple[tuple[str, TypeAdapter[str], bool], ...] = (
    ("name", TypeAdapter(Name), True),
    ("email", TypeAdapter(Email), False),
    ("language", TypeAdapter(Language), True),
)
KINDS = frozenset(K) - {K.PATIENT, K.PROXY} - NO_LINK


class ResendForm(Message):
    """How they stood when the page was shown."""

    state: ParticipantState


class CompanionForm(Message):
    """Whom to invite, as typed. Who acts for the patient and phone legs are invited through the API."""

    kind: Typed = "family"
    name: Typed = ""
    email: TypedEmail = ""
    language: Typed = "en"

    def shown(self) -> dict[str, str]:
        return {name: str(getattr(self, name)) for name in CompanionForm.model_fields}

    def read(self) -> tuple[Companion | None, list[FieldError]]:
        """Whom to invite, or what is wrong with the form."""
        errors = [] if self.kind in {each.value for each in KINDS} else [FieldError("kind", "invalid")]
        values: dict[str, str] = {}
        for field, adapter, required in COMPANION_FIELDS:
            typed = str(getattr(self, field)).strip()
            if not typed:
                errors += [FieldError(field, "required")] if required else []
                continue
            try:
                values[field] = adapter.validate_python(typed)
            except ValidationError:
                errors.append(FieldError(field, "invalid"))
        if errors:
            return None, errors
        name, language = values["name"], values["language"]
        return Companion(kind=K(self.kind), name=name, email=values.get("email"), language=language), []


class InviteForm(CompanionForm):
    """`press` is another for each time the page is shown: one press invites one person."""

    press: UUID


class PeopleQuery(Message):
    """`invited` has just been invited."""

    invited: UUID | None = None
    lang: str | None = None
