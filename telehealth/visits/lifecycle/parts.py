"""Somebody's part in a visit as data: as whom, how far they have come, and what moves them on. Pure.

It lies beside the lifecycle because who gives a visit changes with it; `visits.participants` says the rest.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from telehealth.core.actors import STAFF, Role
from telehealth.core.errors import Kind, Refusal


class ParticipantKind(StrEnum):
    """As whom somebody takes part. A proxy acts for the patient; a phone leg is a voice without a page.

    A device sends without a person, such as an exam camera; an observer receives without a page.
    """

    PATIENT = "patient"
    PROXY = "proxy"
    FAMILY = "family"
    CLINICIAN = "clinician"
    TRAINEE = "trainee"
    INTERPRETER = "interpreter"
    CARE_ASSISTANT = "care_assistant"
    PHONE = "phone"
    DEVICE = "device"
    OBSERVER = "observer"


K = ParticipantKind
PATIENT_SIDE = frozenset({K.PATIENT, K.PROXY})
BY_HTTP = frozenset({K.DEVICE, K.OBSERVER})  # WHIP and WHEP: let in by the credential that the host makes
NO_LINK = BY_HTTP | {K.PHONE}
NO_SENDERS = frozenset({K.TRAINEE, K.OBSERVER})  # they see and hear, and are neither seen nor heard
BY_PATIENT = frozenset({K.FAMILY, K.INTERPRETER, K.CARE_ASSISTANT})


class ParticipantState(StrEnum):
    INVITED = "invited"
    NOTIFIED = "notified"
    OPENED = "opened"
    VERIFIED = "verified"
    CHECKED = "checked"
    WAITING = "waiting"
    ADMITTED = "admitted"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    LEFT = "left"
    REMOVED = "removed"
    REVOKED = "revoked"


class Step(StrEnum):
    """What moves a participant on, or is to be remembered of them.

    `carry_over`: how far they had come when their history began. Nobody gives it.
    """

    INVITE = "invite"
    CARRY_OVER = "carry_over"
    NOTIFY = "notify"
    OPEN = "open"
    LOCK = "lock"
    VERIFY = "verify"
    CHECK = "check"
    WAIT = "wait"
    ADMIT = "admit"
    CONNECT = "connect"
    DISCONNECT = "disconnect"
    LEAVE = "leave"
    REMOVE = "remove"
    REVOKE = "revoke"
    INVITE_AGAIN = "invite_again"
    RESEND = "resend"
    RENEW = "renew"
    HAND_OVER = "hand_over"
    TAKE_OVER = "take_over"


S, R = ParticipantState, Role
EXPECTED = frozenset({S.INVITED, S.NOTIFIED, S.OPENED})
LET_IN = frozenset({S.ADMITTED, S.CONNECTED, S.DISCONNECTED})
PRESENT = frozenset({S.VERIFIED, S.CHECKED, S.WAITING}) | LET_IN
OUT = frozenset({S.REMOVED, S.REVOKED})
LIVING = frozenset(S) - OUT
GUESTS = frozenset({R.PATIENT, R.GUEST, R.SYSTEM})
HOSTS = frozenset({R.CLINICIAN, R.SYSTEM})


class StepRefused(Refusal):
    """`allowed` lists the steps that are possible for this participant now."""

    kind, slug, title = Kind.CONFLICT, "participant-not-now", "This is not possible for this participant now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What guards look at: `host` gives the visit, `authority` whether a proxy may act now, `own` whether the patient's
    side invited them.
    """

    kind: ParticipantKind
    host: bool = False
    authority: bool = True
    own: bool = False


@dataclass(frozen=True, slots=True)
class Guard:
    name: str
    holds: Callable[[Circumstances], bool]


AUTHORISED = Guard("authority_holds", lambda c: c.kind is not K.PROXY or c.authority)
# Who books for themselves invites the clinician and the patient as well: these are no guests of theirs.
OWN_GUEST = Guard("guest_of_the_patient", lambda c: c.own and c.kind in BY_PATIENT)
BY_PHONE = Guard("takes_part_by_phone", lambda c: c.kind is K.PHONE)
AS_HOST = Guard("gives_the_visit", lambda c: c.host)
NOT_HOST = Guard("does_not_give_the_visit", lambda c: not c.host)
BY_LINK = Guard("comes_by_a_link", lambda c: not c.host and c.kind not in NO_LINK)
BY_CREDENTIAL = Guard("comes_by_a_credential", lambda c: c.kind in BY_HTTP)


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the machine; `to` None leaves the state as it is, no source is the beginning."""

    step: Step
    sources: frozenset[ParticipantState | None]
    to: ParticipantState | None
    who: frozenset[Role]
    guards: tuple[Guard, ...] = ()


def _row(
    step: Step,
    sources: Iterable[ParticipantState | None],
    to: ParticipantState | None,
    who: Iterable[Role],
    *guards: Guard,
) -> Transition:
    return Transition(step, frozenset(sources), to, frozenset(who), guards)


# A personal link may be opened again, on this device or another one: it never sets back who is already further.
# Who gives the visit is the visit's own matter: their part follows it (HAND_OVER, TAKE_OVER), whoever changed that.
TRANSITIONS: tuple[Transition, ...] = (
    _row(Step.INVITE, {None}, S.INVITED, STAFF | {R.PATIENT, R.INTEGRATION}),
    _row(Step.NOTIFY, {S.INVITED}, S.NOTIFIED, {R.SYSTEM}),
    _row(Step.OPEN, {S.INVITED, S.NOTIFIED}, S.OPENED, {R.ANONYMOUS, R.SYSTEM}),
    _row(Step.LOCK, LIVING, None, {R.ANONYMOUS, R.SYSTEM}, BY_LINK),
    _row(Step.VERIFY, EXPECTED | {S.LEFT}, S.VERIFIED, {R.ANONYMOUS, R.SYSTEM}, AUTHORISED),
    _row(Step.VERIFY, PRESENT, None, {R.ANONYMOUS, R.SYSTEM}, AUTHORISED),
    _row(Step.VERIFY, EXPECTED | {S.LEFT}, S.VERIFIED, STAFF, BY_PHONE),
    _row(Step.CHECK, {S.VERIFIED, S.CHECKED}, S.CHECKED, GUESTS),
    _row(Step.WAIT, {S.VERIFIED, S.CHECKED, S.LEFT}, S.WAITING, GUESTS, AUTHORISED),
    _row(Step.WAIT, {S.VERIFIED}, S.WAITING, STAFF, BY_PHONE),
    _row(Step.WAIT, {S.ADMITTED}, S.WAITING, {R.SYSTEM}, AUTHORISED),
    _row(Step.ADMIT, {S.WAITING}, S.ADMITTED, HOSTS, AUTHORISED),
    _row(Step.ADMIT, EXPECTED | {S.LEFT}, S.ADMITTED, {R.SYSTEM}, AS_HOST),
    _row(Step.ADMIT, {S.INVITED}, S.ADMITTED, {R.CLINICIAN}, BY_CREDENTIAL),
    _row(Step.CONNECT, {S.ADMITTED, S.DISCONNECTED}, S.CONNECTED, {R.SYSTEM}),
    _row(Step.CONNECT, {S.ADMITTED, S.DISCONNECTED}, S.CONNECTED, STAFF, BY_PHONE),
    _row(Step.DISCONNECT, {S.CONNECTED}, S.DISCONNECTED, {R.SYSTEM}),
    _row(Step.DISCONNECT, {S.CONNECTED}, S.DISCONNECTED, STAFF, BY_PHONE),
    _row(Step.LEAVE, PRESENT, S.LEFT, GUESTS),
    _row(Step.LEAVE, PRESENT, S.LEFT, STAFF, BY_PHONE),
    _row(Step.REMOVE, PRESENT | {S.LEFT}, S.REMOVED, STAFF, NOT_HOST),
    _row(Step.REVOKE, LIVING, S.REVOKED, STAFF, NOT_HOST),
    _row(Step.REVOKE, LIVING, S.REVOKED, {R.PATIENT}, OWN_GUEST),
    _row(Step.INVITE_AGAIN, OUT, S.INVITED, STAFF, AUTHORISED),
    _row(Step.RESEND, LIVING, None, STAFF, BY_LINK),
    _row(Step.RENEW, LIVING, S.INVITED, STAFF, BY_LINK),
    _row(Step.HAND_OVER, LIVING, S.REVOKED, {R.SYSTEM}, AS_HOST),
    _row(Step.TAKE_OVER, OUT, S.INVITED, {R.SYSTEM}, AS_HOST),
)


def decide(step: Step, state: ParticipantState | None, role: Role, circumstances: Circumstances) -> ParticipantState:
    """The state that step leads to. Raises StepRefused with the steps allowed instead."""
    for row in TRANSITIONS:
        if row.step is step and _open(row, state, role, circumstances) and (found := row.to or state) is not None:
            return found
    raise StepRefused(allowed=[each.value for each in allowed(state, role, circumstances)])


def allowed(state: ParticipantState | None, role: Role, circumstances: Circumstances) -> tuple[Step, ...]:
    """The steps this role may give now."""
    return tuple(dict.fromkeys(row.step for row in TRANSITIONS if _open(row, state, role, circumstances)))


def _open(row: Transition, state: ParticipantState | None, role: Role, circumstances: Circumstances) -> bool:
    return state in row.sources and role in row.who and all(guard.holds(circumstances) for guard in row.guards)


def _steps() -> frozenset[tuple[Step, ParticipantState | None, ParticipantState]]:
    """Every (step, before, after) there can be."""
    found = {(row.step, each, row.to or each) for row in TRANSITIONS for each in row.sources}
    carried = {(Step.CARRY_OVER, S.INVITED, each) for each in S}
    return frozenset((step, before, after) for step, before, after in found | carried if after is not None)


STEPS = _steps()


def steps_as_sql() -> str:
    """The condition on an entry, for the database: `step:before:after` is one that the machine has."""
    listed = ", ".join(f"'{step}:{before or ''}:{after}'" for step, before, after in sorted(STEPS, key=str))
    return f"step || ':' || COALESCE(before, '') || ':' || after IN ({listed})"
