"""Who may do what: scopes of roles, passwords, waiting after wrong ones, SMART scopes, grants. Pure."""

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from telehealth.core.actors import Purpose, Role, Scope
from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import AccountId, GrantId, IntegrationId, PatientId

SCOPES: Mapping[Role, frozenset[Scope]] = {
    Role.CLINICIAN: frozenset(
        {
            Scope.SELF,
            Scope.CLINICIANS_READ,
            Scope.HOURS_WRITE,
            Scope.SLOTS_READ,
            Scope.VISITS_BOOK,
            Scope.VISITS_READ,
            Scope.VISITS_HOST,
            Scope.NOTES_WRITE,
            Scope.FOLLOW_UPS_WRITE,
            Scope.PATIENTS_FIND,
        }
    ),
    Role.FRONT_DESK: frozenset(
        {
            Scope.SELF,
            Scope.CLINICIANS_READ,
            Scope.PATIENTS_FIND,
            Scope.PATIENTS_WRITE,
            Scope.SLOTS_READ,
            Scope.VISITS_BOOK,
            Scope.VISITS_READ,
            Scope.FOLLOW_UPS_WRITE,
        }
    ),
    Role.ADMIN: frozenset(
        {
            Scope.SELF,
            Scope.SLOTS_READ,
            Scope.VISIT_TYPES_WRITE,
            Scope.CLINICIANS_READ,
            Scope.LICENCES_WRITE,
            Scope.RESOURCES_WRITE,
            Scope.INTEGRATIONS_WRITE,
        }
    ),
    Role.PATIENT: frozenset({Scope.VISITS_JOIN}),
    Role.GUEST: frozenset({Scope.VISITS_ATTEND}),
    Role.INTEGRATION: frozenset(
        {
            Scope.SUMMARIES_READ,
            Scope.ALERTS_WRITE,
            Scope.FHIR_APPOINTMENT,
            Scope.FHIR_APPOINTMENT_CREATE,
            Scope.FHIR_ENCOUNTER,
            Scope.FHIR_DOCUMENT_REFERENCE,
            Scope.FHIR_SCHEDULE,
            Scope.FHIR_SLOT,
            Scope.FHIR_TASK,
            Scope.FHIR_QUESTIONNAIRE,
            Scope.FHIR_QUESTIONNAIRE_RESPONSE,
        }
    ),
}
SIGN_IN = frozenset({Role.CLINICIAN, Role.FRONT_DESK, Role.ADMIN})  # who has an account

STAFF_SESSION = timedelta(hours=12)  # a long working day; no idle end, which would fall into the middle of a call
TOKEN_LIFE = timedelta(seconds=300)  # SMART Backend Services, section 3.4: at most five minutes
ASSERTION_LIFE = timedelta(seconds=300)  # the same, section 3.3
CLOCK_SKEW = timedelta(seconds=10)
LONGEST_JTI = 255


class WrongCredentials(Refusal):
    kind, slug, title = Kind.UNIDENTIFIED, "wrong-credentials", "The email or the password is not right"


class TooManyTries(Refusal):
    kind, slug, title = Kind.BUSY, "too-many-tries", "Too many tries: wait before the next one"


class EmailTaken(Refusal):
    kind, slug, title = Kind.CONFLICT, "email-taken", "There is an account with this email already"


class UnfitPassword(Refusal):
    kind, slug, title = Kind.INVALID, "unfit-password", "This password is too easy to guess"


class UnfitKeys(Refusal):
    kind, slug, title = Kind.INVALID, "unfit-keys", "These are not public keys for ES384 or RS384"


class UnfitGrant(Refusal):
    kind, slug, title = Kind.INVALID, "unfit-grant", "This grant cannot be given"


class NoGrant(Refusal):
    kind, slug, title = Kind.FORBIDDEN, "no-grant", "No grant covers this use of patient data"


@dataclass(frozen=True, slots=True)
class Account:
    id: AccountId
    email: str
    role: Role
    person_id: UUID | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A session: its secret for the cookie, and the seconds it lasts."""

    secret: str
    max_age: int


# Secrets


def new_secret() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    """What is stored of a secret that was made by `new_secret`; too random to need salt or stretching."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()


# Passwords (NIST SP 800-63B-4, section 3.1.1)

SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 256
_GUESSED_FIRST = ("password", "passwort", "qwerty", "azerty", "letmein", "welcome", "123456", "abcdef", "telehealth")


def normal_password(password: str) -> str:
    """The same characters however the keyboard composed them."""
    return unicodedata.normalize("NFKC", password)


def password_fault(password: str, *, email: str) -> str | None:
    """Why a new password will not do, in a few words without the password; None when it will."""
    normal = normal_password(password).casefold()
    if not SHORTEST_PASSWORD <= len(normal) <= LONGEST_PASSWORD:
        return f"it needs {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
    if len(set(normal)) < 5:
        return "it repeats a few characters"
    name = email.partition("@")[0].casefold()
    left = normal
    for guess in (*_GUESSED_FIRST, *((name,) if len(name) > 2 else ())):
        left = left.replace(guess, "")
    if len(left) < SHORTEST_PASSWORD // 2:
        return "it is among the first that are guessed"
    return None


def normal_email(email: str) -> str:
    return email.strip().casefold()


# Waiting after wrong passwords

FREE_TRIES = 5
LONGEST_WAIT = timedelta(minutes=15)
TRIES_KEPT = timedelta(hours=24)


def wait_after(tries: int) -> timedelta:
    """Nothing for four wrong tries, then 1, 2, 4, 8 and 15 minutes: a guesser gets some hundred tries a day."""
    if tries < FREE_TRIES:
        return timedelta(0)
    return min(timedelta(minutes=1 << min(tries - FREE_TRIES, 10)), LONGEST_WAIT)


# Dates of birth behind a personal link

TRIES = 5  # then a pause
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=15), timedelta(hours=24)


def tries_left(attempts: int) -> int:
    return TRIES - attempts % TRIES


def lockout(attempts: int) -> timedelta:
    """15 minutes after five wrong dates, twice that after five more, up to a day."""
    pause = FIRST_PAUSE * int(2 ** min(attempts // TRIES - 1, 10))
    return min(pause, LONGEST_PAUSE)


# Where to go after signing in

LONGEST_PATH = 512


def local_path(asked: str) -> str:
    """The path if it stays on this site, else "/". Browsers read "//x" and "/", backslash, "x" as another host."""
    plain = asked.isascii() and asked.isprintable() and " " not in asked and "\\" not in asked
    stays = asked.startswith("/") and not asked.startswith("//") and len(asked) <= LONGEST_PATH
    return asked if plain and stays and not asked.startswith(("/sign-in", "/sign-out")) else "/"


# Scopes of tokens (SMART App Launch 2.2, section 3)

_SMART = re.compile(r"system/(\*|[A-Za-z]{1,64})\.(read|write|\*|c?r?u?d?s?)")
_READING = {
    "Appointment": Scope.FHIR_APPOINTMENT,
    "Encounter": Scope.FHIR_ENCOUNTER,
    "DocumentReference": Scope.FHIR_DOCUMENT_REFERENCE,
    "Schedule": Scope.FHIR_SCHEDULE,
    "Slot": Scope.FHIR_SLOT,
    "Task": Scope.FHIR_TASK,
    "Questionnaire": Scope.FHIR_QUESTIONNAIRE,
    "QuestionnaireResponse": Scope.FHIR_QUESTIONNAIRE_RESPONSE,
}
_CREATING = {"Appointment": Scope.FHIR_APPOINTMENT_CREATE}
_OURS = {each.value: each for each in (Scope.SUMMARIES_READ, Scope.ALERTS_WRITE)}  # what FHIR has no word for


def asked_scopes(text: str) -> dict[str, Scope]:
    """Scopes as the client spells them -> what we call them, in the order asked; the unknown ones are left out.

    Both spellings are read, `system/X.rs` (v2) and `system/X.read` (v1). Who asks for more than there is, such as
    `.cruds`, is offered what there is: reading, and creating where that can be had. Who asks for less (`.r`, or a
    search parameter) is offered nothing rather than more.
    """
    found: dict[str, Scope] = {}
    for each in text.split(" "):
        if each in _OURS:
            found[each] = _OURS[each]
        elif smart := _SMART.fullmatch(each):
            found |= _reading(smart[1], smart[2]) | _creating(smart[1], smart[2])
    return found


def _reading(resource_type: str, permission: str) -> dict[str, Scope]:
    first_version = permission in ("read", "*")
    if not first_version and not {"r", "s"} <= set(permission):
        return {}
    suffix = "read" if first_version else "rs"
    types = _READING if resource_type == "*" else {resource_type} & set(_READING)
    return {f"system/{each}.{suffix}": _READING[each] for each in types}


def _creating(resource_type: str, permission: str) -> dict[str, Scope]:
    first_version = permission in ("write", "*")
    if not first_version and "c" not in permission:
        return {}
    suffix = "write" if first_version else "c"
    types = _CREATING if resource_type == "*" else {resource_type} & set(_CREATING)
    return {f"system/{each}.{suffix}": _CREATING[each] for each in types}


# Grants


class DataKind(StrEnum):
    """What a grant opens: kinds of data, not tables."""

    SUMMARIES = "summaries"
    APPOINTMENTS = "appointments"
    ENCOUNTERS = "encounters"
    DOCUMENTS = "documents"
    TASKS = "tasks"
    ANSWERS = "answers"
    ALERTS = "alerts"


class Everyone(StrEnum):
    """Instead of a list of patients."""

    EVERYONE = "everyone"


EVERYONE = Everyone.EVERYONE
Patients = Everyone | frozenset[PatientId]


@dataclass(frozen=True, slots=True)
class Integration:
    """`id` is the OAuth client id."""

    id: IntegrationId
    name: str
    scopes: frozenset[Scope]
    added_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Grant:
    """Integration x purpose x kinds of data x patients x validity [from, until), approved by a named person."""

    id: GrantId
    integration_id: IntegrationId
    purpose: Purpose
    data_kinds: frozenset[DataKind]
    patients: Patients
    valid_from: datetime
    valid_until: datetime
    approved_by: AccountId
    revoked_at: datetime | None

    def holds(self, now: datetime) -> bool:
        return self.revoked_at is None and self.valid_from <= now < self.valid_until

    def covers(self, patient: PatientId) -> bool:
        return self.patients is EVERYONE or patient in self.patients


@dataclass(frozen=True, slots=True)
class Granted:
    """The grants that hold now for one kind of data; never empty."""

    grants: tuple[Grant, ...]

    @property
    def patients(self) -> Patients:
        """Whom the grants together cover."""
        named: set[PatientId] = set()
        for each in self.grants:
            if isinstance(each.patients, Everyone):
                return EVERYONE
            named |= each.patients
        return frozenset(named)

    def purpose(self, patient: PatientId | None = None) -> Purpose:
        """What the use of this patient's data is for: that of the oldest grant that covers them. Raises NoGrant."""
        for each in self.grants:
            if patient is None or each.covers(patient):
                return each.purpose
        raise NoGrant


LONGEST_GRANT = timedelta(days=3653)


def grant_fault(data_kinds: Collection[DataKind], patients: Patients, begins: datetime, ends: datetime) -> str | None:
    """Why such a grant cannot be given; None when it can."""
    if not data_kinds or not patients:
        return "it names no data or no patient"
    if not begins < ends:
        return "it is over before it begins"
    if ends - begins > LONGEST_GRANT:
        return "ten years are the longest"
    return None


def granted(grants: Iterable[Grant], data_kind: str, now: datetime) -> Granted:
    """Those grants that hold for a kind of data. Raises NoGrant when none does."""
    holding = tuple(each for each in grants if each.holds(now) and data_kind in each.data_kinds)
    if not holding:
        raise NoGrant
    return Granted(tuple(sorted(holding, key=lambda each: each.id)))
