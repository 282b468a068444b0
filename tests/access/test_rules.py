"""Scopes, passwords, waiting, paths, grants."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin, urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.access.rules import (
    EVERYONE,
    LONGEST_WAIT,
    SCOPES,
    DataKind,
    Everyone,
    Grant,
    NoGrant,
    Patients,
    asked_scopes,
    digest,
    grant_fault,
    granted,
    local_path,
    new_secret,
    password_fault,
    wait_after,
)
from telehealth.core.actors import Purpose, Role, Scope
from telehealth.core.ids import AccountId, GrantId, IntegrationId, PatientId

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PEOPLE = [PatientId(UUID(int=number)) for number in range(4)]


def test_no_role_writes_what_it_has_no_business_with() -> None:
    assert set(SCOPES) == {Role.CLINICIAN, Role.FRONT_DESK, Role.ADMIN, Role.PATIENT, Role.GUEST, Role.INTEGRATION}
    assert SCOPES[Role.PATIENT] == {Scope.VISITS_JOIN}
    assert SCOPES[Role.GUEST] == {Scope.VISITS_ATTEND}
    clinical = {Scope.NOTES_WRITE, Scope.VISITS_HOST, Scope.VISITS_READ, Scope.SUMMARIES_READ, Scope.PATIENTS_FIND}
    assert not SCOPES[Role.ADMIN] & clinical
    assert not SCOPES[Role.FRONT_DESK] & {Scope.NOTES_WRITE, Scope.VISITS_HOST, Scope.INTEGRATIONS_WRITE}
    assert not SCOPES[Role.INTEGRATION] & SCOPES[Role.CLINICIAN]


def test_secrets_differ_and_are_stored_as_something_else() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(each) == 43 and digest(each) != each.encode() for each in secrets)


@given(st.text())
def test_any_presented_secret_can_be_looked_up(text: str) -> None:
    assert len(digest(text)) == 32


@pytest.mark.parametrize(
    "password", ["correct horse battery", "ein langer satz, ganz ohne zahlen", "密码很长也很难猜到的一句话啊"]
)
def test_long_sentences_are_passwords(password: str) -> None:
    assert password_fault(password, email="ada@clinic.example") is None


@pytest.mark.parametrize(
    "password",
    ["short", "aaaaaaaaaaaaaaaa", "abababababababab", "password123456", "ada.lovelace12", "x" * 257, "Welcome12345"],
)
def test_what_is_guessed_first_is_no_password(password: str) -> None:
    fault = password_fault(password, email="ada.lovelace@clinic.example")
    assert fault is not None
    assert password not in fault


@given(st.integers(0, 10_000))
def test_waiting_never_shrinks_and_has_an_end(tries: int) -> None:
    assert timedelta(0) <= wait_after(tries) <= wait_after(tries + 1) <= LONGEST_WAIT


def test_the_first_tries_are_free() -> None:
    minutes = [wait_after(tries) / timedelta(minutes=1) for tries in range(11)]
    assert minutes == [0, 0, 0, 0, 0, 1, 2, 4, 8, 15, 15]


@given(st.one_of(st.text(), st.text("/\\:.@ \t\nax", max_size=8).map("/{}".format)))
def test_signing_in_leads_nowhere_else(asked: str) -> None:
    going_to = local_path(asked)
    assert urlsplit(urljoin("https://clinic.example/sign-in", going_to)).netloc == "clinic.example"
    assert going_to.startswith("/")
    assert not going_to.startswith(("//", "/\\"))
    assert going_to.isprintable()


@pytest.mark.parametrize("path", ["/day", "/book/0190?day=2026-03-02", "/hours#monday"])
def test_a_path_of_ours_is_kept(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    ["https://evil.example", "//evil.example", "/\\evil.example", "day", "", "/sign-in?next=/x", "/sign-out", "/a\tb"],
)
def test_a_path_elsewhere_is_not(path: str) -> None:
    assert local_path(path) == "/"


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("system/Appointment.rs", ["system/Appointment.rs"]),
        ("system/Appointment.read", ["system/Appointment.read"]),
        ("system/Encounter.cruds", ["system/Encounter.rs"]),
        ("system/Appointment.cruds", ["system/Appointment.rs", "system/Appointment.c"]),
        ("system/Appointment.crs", ["system/Appointment.rs", "system/Appointment.c"]),
        ("system/Appointment.*", ["system/Appointment.read", "system/Appointment.write"]),
        ("system/Appointment.write system/Slot.c", ["system/Appointment.write"]),
        ("system/Schedule.rs system/Slot.rs", ["system/Schedule.rs", "system/Slot.rs"]),
        ("system/Encounter.*", ["system/Encounter.read"]),
        ("summaries.read system/Patient.rs openid", ["summaries.read"]),
        ("system/Encounter.r", []),
        ("system/Encounter.", []),
        ("system/Encounter.s", []),
        ("system/DocumentReference.rs?category=note", []),
        ("system/Encounter.write", []),
        ("system/Encounter.sr", []),
        ("user/Encounter.rs patient/Encounter.rs", []),
        ("visits.host self", []),
        ("", []),
    ],
)
def test_scopes_of_both_versions_are_read(text: str, spelled: list[str]) -> None:
    assert list(asked_scopes(text)) == spelled


@pytest.mark.parametrize(("text", "suffix"), [("system/*.rs", "rs"), ("system/*.read", "read")])
def test_a_star_is_every_type_we_have(text: str, suffix: str) -> None:
    ours = ("Appointment", "Encounter", "DocumentReference", "Schedule", "Slot", "Task")
    types = (*ours, "Questionnaire", "QuestionnaireResponse")
    assert set(asked_scopes(text)) == {f"system/{each}.{suffix}" for each in types}


@given(st.text("system/*.readcuEncounter ", max_size=60))
def test_no_text_asks_for_more_than_an_integration_may_have(text: str) -> None:
    assert set(asked_scopes(text).values()) <= SCOPES[Role.INTEGRATION]


def make_grant(
    number: int, kinds: set[DataKind], patients: Patients, hours: tuple[int, int], *, revoked: bool
) -> Grant:
    return Grant(
        id=GrantId(UUID(int=number)),
        integration_id=IntegrationId(UUID(int=1)),
        purpose=Purpose.TREATMENT if number % 2 else Purpose.RESEARCH,
        data_kinds=frozenset(kinds),
        patients=patients,
        valid_from=NOW + hours[0] * HOUR,
        valid_until=NOW + hours[1] * HOUR,
        approved_by=AccountId(UUID(int=2)),
        revoked_at=NOW - HOUR if revoked else None,
    )


GRANTS = st.lists(
    st.builds(
        make_grant,
        st.integers(0, 9),
        st.sets(st.sampled_from(DataKind), min_size=1),
        st.one_of(st.just(EVERYONE), st.frozensets(st.sampled_from(PEOPLE), min_size=1)),
        st.tuples(st.integers(-3, 3), st.integers(-3, 3)),
        revoked=st.booleans(),
    ),
    max_size=6,
)


@given(GRANTS, st.sampled_from(DataKind), st.sampled_from(PEOPLE))
def test_a_patient_is_covered_when_one_grant_that_holds_covers_them(
    grants: list[Grant], kind: DataKind, patient: PatientId
) -> None:
    covering = [
        each
        for each in grants
        if each.revoked_at is None
        and each.valid_from <= NOW < each.valid_until
        and kind in each.data_kinds
        and (each.patients is EVERYONE or patient in each.patients)
    ]
    try:
        found = granted(grants, kind, NOW)
    except NoGrant:
        assert not covering
        return
    covered = found.patients is EVERYONE or patient in found.patients
    assert covered == bool(covering)
    if covering:
        assert found.purpose(patient) in {each.purpose for each in covering}
    else:
        with pytest.raises(NoGrant):
            found.purpose(patient)


def test_nothing_granted_is_a_refusal() -> None:
    with pytest.raises(NoGrant):
        granted([], DataKind.SUMMARIES, NOW)


@pytest.mark.parametrize(
    ("kinds", "patients", "hours"),
    [
        (set(), EVERYONE, 1),
        ({DataKind.SUMMARIES}, frozenset(), 1),
        ({DataKind.SUMMARIES}, EVERYONE, 0),
        ({DataKind.SUMMARIES}, EVERYONE, 24 * 365 * 11),
    ],
)
def test_a_grant_of_nothing_or_for_ever_is_none(
    kinds: set[DataKind], patients: Everyone | frozenset[PatientId], hours: int
) -> None:
    assert grant_fault(kinds, patients, NOW, NOW + hours * HOUR)
