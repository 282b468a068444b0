"""The machine of participants, row by row, and the decisions beside it."""

from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.actors import Role
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.visits.lifecycle.parts import (
    BY_PATIENT,
    LET_IN,
    LIVING,
    OUT,
    PATIENT_SIDE,
    PRESENT,
    TRANSITIONS,
    Circumstances,
    ParticipantKind,
    ParticipantState,
    Step,
    StepRefused,
    allowed,
    decide,
)
from telehealth.visits.lifecycle.rules import IN_CALL, OVER, VisitStatus
from telehealth.visits.participants.rules import (
    MOST_BY_PATIENT,
    MOST_COMPANIONS,
    Identity,
    NotToBeInvited,
    Participant,
    TooManyInvited,
    answers_to,
    check_room,
    following,
    identity_of,
)

K, S = ParticipantKind, ParticipantState
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
CIRCUMSTANCES = [
    Circumstances(kind=kind, host=host, authority=authority, own=own)
    for kind, host, authority, own in product(K, (False, True), (False, True), (False, True))
    if not host or kind is K.CLINICIAN
]


def participant(
    kind: ParticipantKind,
    state: ParticipantState = S.INVITED,
    *,
    by: Role = Role.FRONT_DESK,
    person: UUID | None = None,
) -> Participant:
    return Participant(
        id=ParticipantId(UUID(int=1)),
        visit_id=VisitId(UUID(int=2)),
        kind=kind,
        state=state,
        since=NOW,
        person_id=person,
        invited_as=by,
    )


def followed(circumstances: Circumstances, state: ParticipantState, visit: VisitStatus) -> ParticipantState:
    """Where the visit puts them, by steps that the machine has."""
    for step in following(circumstances, state, visit):
        state = decide(step, state, Role.SYSTEM, circumstances)
    return state


def test_exactly_what_the_table_says_is_possible() -> None:
    """Every step in every state, and before the first, by every role."""
    for step, state, role, circumstances in product(Step, (None, *S), Role, CIRCUMSTANCES):
        rows = [
            row
            for row in TRANSITIONS
            if row.step is step
            and state in row.sources
            and role in row.who
            and all(guard.holds(circumstances) for guard in row.guards)
        ]
        assert (step in allowed(state, role, circumstances)) is bool(rows)
        if rows:
            assert decide(step, state, role, circumstances) is (rows[0].to or state)
            continue
        with pytest.raises(StepRefused) as refused:
            decide(step, state, role, circumstances)
        assert refused.value.extras == {"allowed": [each.value for each in allowed(state, role, circumstances)]}


def test_who_is_out_comes_back_only_by_a_new_invitation_of_staff() -> None:
    for state, role, circumstances in product(OUT, Role, CIRCUMSTANCES):
        steps = set(allowed(state, role, circumstances))
        if circumstances.host and role is Role.SYSTEM:
            steps -= {Step.TAKE_OVER}  # the visit is theirs again
        assert steps <= {Step.INVITE_AGAIN}
        assert not steps or role in {Role.CLINICIAN, Role.FRONT_DESK, Role.SYSTEM}


def test_nobody_lets_themselves_in() -> None:
    """No role but the clinician's leads a companion from outside to where the call is, whatever the steps."""
    for role, circumstances in product(set(Role) - {Role.CLINICIAN, Role.SYSTEM}, CIRCUMSTANCES):
        reached = {S.WAITING}
        while True:
            further = {
                decide(step, state, role, circumstances)
                for state in reached
                for step in allowed(state, role, circumstances)
            }
            if further <= reached:
                break
            reached |= further
        assert not reached & LET_IN


def test_every_state_is_reached_and_leads_out() -> None:
    reached = {S.INVITED}
    for _ in S:
        reached |= {row.to for row in TRANSITIONS if row.to is not None and row.sources & reached}
    assert reached == set(S)
    for state in LIVING:
        assert Step.REVOKE in allowed(state, Role.FRONT_DESK, Circumstances(kind=K.FAMILY))


def test_a_proxy_without_authority_neither_passes_nor_waits_nor_is_let_in() -> None:
    without = Circumstances(kind=K.PROXY, authority=False)
    assert {row.step for row in TRANSITIONS if row.to in {S.VERIFIED, S.WAITING, S.ADMITTED}} == {
        Step.VERIFY,
        Step.WAIT,
        Step.ADMIT,
    }
    for state, role in product(S, Role):
        assert not set(allowed(state, role, without)) & {Step.VERIFY, Step.WAIT, Step.ADMIT}


def test_the_patient_takes_back_only_whom_the_patient_invited() -> None:
    for own in (True, False):
        steps = allowed(S.NOTIFIED, Role.PATIENT, Circumstances(kind=K.FAMILY, own=own))
        assert (Step.REVOKE in steps) is own
    assert Step.REMOVE not in allowed(S.WAITING, Role.PATIENT, Circumstances(kind=K.FAMILY, own=True))


def test_who_books_for_themselves_puts_out_neither_the_clinician_nor_the_patient() -> None:
    for kind, state in product(set(K) - BY_PATIENT, S):
        booked = Circumstances(kind=kind, host=kind is K.CLINICIAN, own=True)
        assert not {Step.REVOKE, Step.REMOVE} & set(allowed(state, Role.PATIENT, booked))


@given(
    st.sampled_from(CIRCUMSTANCES),
    st.sampled_from(S),
    st.lists(st.sampled_from(VisitStatus), max_size=6),
)
def test_following_the_visit_settles(
    circumstances: Circumstances, state: ParticipantState, visits: list[VisitStatus]
) -> None:
    """Whatever order the news comes in, the last status decides, and hearing it twice changes nothing."""
    for visit in visits:
        before, state = state, followed(circumstances, state, visit)
        assert following(circumstances, state, visit) == ()
        if before in OUT:
            assert state is before
        if visit in OVER:
            assert state not in PRESENT
        if circumstances.kind not in PATIENT_SIDE and not circumstances.host and visit not in OVER:
            assert state is before


@pytest.mark.parametrize(
    ("state", "visit", "after"),
    [
        (S.CHECKED, VisitStatus.ARRIVED, S.CHECKED),
        (S.VERIFIED, VisitStatus.READY, S.WAITING),
        (S.CHECKED, VisitStatus.READY, S.WAITING),
        (S.WAITING, VisitStatus.ADMITTING, S.ADMITTED),
        (S.ADMITTED, VisitStatus.READY, S.WAITING),
        (S.VERIFIED, VisitStatus.IN_PROGRESS, S.CONNECTED),
        (S.CONNECTED, VisitStatus.INTERRUPTED, S.DISCONNECTED),
        (S.DISCONNECTED, VisitStatus.IN_PROGRESS, S.CONNECTED),
        (S.CONNECTED, VisitStatus.ENDED, S.LEFT),
        (S.INVITED, VisitStatus.IN_PROGRESS, S.INVITED),
        (S.REMOVED, VisitStatus.IN_PROGRESS, S.REMOVED),
    ],
)
def test_the_patient_follows_the_visit(state: ParticipantState, visit: VisitStatus, after: ParticipantState) -> None:
    assert followed(Circumstances(kind=K.PATIENT), state, visit) is after


def test_the_clinician_is_in_the_call_without_a_link() -> None:
    host = Circumstances(kind=K.CLINICIAN, host=True)
    assert followed(host, S.INVITED, VisitStatus.READY) is S.INVITED
    assert [followed(host, S.INVITED, each) for each in (VisitStatus.ADMITTING, VisitStatus.IN_PROGRESS)] == [
        S.ADMITTED,
        S.CONNECTED,
    ]
    assert followed(host, S.REVOKED, VisitStatus.IN_PROGRESS) is S.REVOKED


def test_nobody_goes_round_in_circles_to_stay_where_they_are() -> None:
    patient = Circumstances(kind=K.PATIENT)
    assert following(patient, S.DISCONNECTED, VisitStatus.INTERRUPTED) == ()
    assert following(patient, S.ADMITTED, VisitStatus.IN_PROGRESS) == (Step.CONNECT,)
    assert following(patient, S.VERIFIED, VisitStatus.READY, checked=True) == (Step.CHECK, Step.WAIT)


def test_a_companion_in_the_waiting_room_is_not_carried_in_with_the_patient() -> None:
    for kind, visit in product({K.FAMILY, K.INTERPRETER, K.TRAINEE, K.PHONE, K.CLINICIAN}, IN_CALL):
        assert followed(Circumstances(kind=kind), S.WAITING, visit) is S.WAITING


@pytest.mark.parametrize(
    ("typed", "invited", "passes"),
    [
        ("José García", "Jose Garcia López", True),
        ("garcia JOSE", "José García", True),
        ("O'Brien Ann", "Ann O'Brien", True),
        ("Ann", "Ann", True),
        ("李 小龙", "李 小龙", True),
        ("José", "José García", False),
        ("J G", "José García", False),
        ("Jos Garc", "José García", False),
        ("José José", "José García", False),
        ("José García Pérez", "José García", False),
        ("", "José García", False),
        ("..", "José García", False),
        ("", "", False),
        ("José García", "", False),
    ],
)
def test_the_invited_name(typed: str, invited: str, passes: bool) -> None:
    assert answers_to(typed, invited) is passes


def test_what_a_link_asks_for() -> None:
    assert {kind: identity_of(kind) for kind in K} == {
        K.PATIENT: Identity.BIRTH_DATE,
        K.PROXY: Identity.BIRTH_DATE,
        K.FAMILY: Identity.NAME,
        K.CLINICIAN: Identity.NAME,
        K.TRAINEE: Identity.NAME,
        K.INTERPRETER: Identity.NAME,
        K.CARE_ASSISTANT: Identity.NAME,
        K.PHONE: Identity.NOTHING,
        K.DEVICE: Identity.NOTHING,
        K.OBSERVER: Identity.NOTHING,
    }


def test_how_many_may_be_invited() -> None:
    team = [participant(K.PATIENT, person=UUID(int=3)), participant(K.CLINICIAN, person=UUID(int=4))]
    theirs = [participant(K.FAMILY, S.REVOKED, by=Role.PATIENT)] * MOST_BY_PATIENT
    check_room(Role.PATIENT, K.FAMILY, [*team, *theirs[1:]])
    with pytest.raises(TooManyInvited):
        check_room(Role.PATIENT, K.FAMILY, [*team, *theirs])
    check_room(Role.FRONT_DESK, K.FAMILY, [*team, *theirs])
    with pytest.raises(TooManyInvited):
        check_room(Role.FRONT_DESK, K.INTERPRETER, [*team, *[participant(K.FAMILY)] * MOST_COMPANIONS])
    check_room(Role.FRONT_DESK, K.INTERPRETER, [*team, *[participant(K.FAMILY, S.REMOVED)] * MOST_COMPANIONS])


def test_whom_the_patient_may_invite() -> None:
    for kind in K:
        if kind in BY_PATIENT:
            check_room(Role.PATIENT, kind, [])
            continue
        with pytest.raises(NotToBeInvited):
            check_room(Role.PATIENT, kind, [])
    with pytest.raises(NotToBeInvited):
        check_room(Role.FRONT_DESK, K.PATIENT, [])
