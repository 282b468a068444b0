"""The kinds of messages, a row each: what one is about, who reads it, what for, and how it may come. Pure.

A new kind is a member of `MessageKind`, a row here, and its words: `letters`, `texts`, and `message_kind` of the pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from telehealth.core.actors import Role
from telehealth.notifications.rules import Channel, MessageKind

K = MessageKind
OF_A_LINE = frozenset({Channel.PUSH, Channel.PHONE})  # what anyone may read on a screen, or hear


class Purpose(StrEnum):
    """What messages to patients and companions are for; who wants none of a purpose still gets the others."""

    APPOINTMENTS = "appointments"
    CARE = "care"
    SURVEYS = "surveys"


class Whom(StrEnum):
    """Who reads it: the patient, somebody who takes part with them, or who works here."""

    PATIENT = "patient"
    COMPANION = "companion"
    STAFF = "staff"


class About(StrEnum):
    """What the subject of a message is, which says whether it is still true."""

    VISIT = "visit"
    OFFER = "offer"
    CHOICE = "choice"
    SUMMARY = "summary"
    QUESTIONS = "questions"
    SURVEY = "survey"
    TASK = "task"
    ALERT = "alert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """Of one kind. `purpose` is what may be stopped; None: nobody stops it. `needs` are the places its words must have,
    `may` those that a mail of it may have beside the usual ones.

    `spoken`: one line says it, so a caller can. `vital`: who has not heard of it is called. `to_absent`: to nobody
    whose page is open. `elsewhere`: what was stopped at one address goes to another; who stops reminders wants none,
    anywhere.
    """

    about: About
    readers: tuple[Whom, ...] = (Whom.PATIENT,)
    purpose: Purpose | None = Purpose.APPOINTMENTS
    needs: frozenset[str] = field(default=frozenset({"link"}))
    may: frozenset[str] = frozenset()
    spoken: bool = False
    vital: bool = False
    to_absent: bool = False
    elsewhere: bool = True

    @property
    def texted(self) -> bool:
        """Patients are told by text message too; staff have boards, alerts and mail."""
        return Whom.PATIENT in self.readers

    @property
    def in_calendars(self) -> bool:
        """All who take part hear of it, and their calendars too."""
        return Whom.COMPANION in self.readers


_EVERYONE, _CARE = (Whom.PATIENT, Whom.COMPANION, Whom.STAFF), Purpose.CARE
_TIMED, _OPEN = frozenset({"link", "when"}), frozenset({"until"})
_ON_TASKS = Nature(about=About.TASK, readers=(Whom.STAFF,), purpose=None)
OF_ESCALATED = (K.FOLLOW_UP_OVERDUE, K.FOLLOW_UP_ESCALATED)  # until somebody takes the task on
TO_WHOEVER = (K.FOLLOW_UP_AT_ONCE, K.FOLLOW_UP_ESCALATED)  # it is not theirs yet: they are asked to take it on
_ON_ALERTS = Nature(about=About.ALERT, readers=(Whom.STAFF,), purpose=None)
_OFFERED = frozenset({"there", "instead_of", "kept_until", "answer_until"})
KINDS: Mapping[MessageKind, Nature] = {
    K.INVITATION: Nature(about=About.VISIT, readers=_EVERYONE, needs=_TIMED, spoken=True),
    K.MOVED: Nature(about=About.VISIT, readers=_EVERYONE, needs=_TIMED, spoken=True, vital=True),
    K.CANCELLATION: Nature(about=About.VISIT, readers=_EVERYONE, needs=frozenset({"when"}), spoken=True, vital=True),
    K.REMINDER: Nature(about=About.VISIT, needs=_TIMED, spoken=True, elsewhere=False),
    K.JOIN_NOW: Nature(about=About.VISIT, to_absent=True, elsewhere=False),
    K.RUNNING_LATE: Nature(about=About.VISIT, needs=frozenset({"link", "delay"}), to_absent=True),
    K.TIME_TO_CHOOSE: Nature(about=About.CHOICE, may=_OPEN),
    K.OFFER: Nature(about=About.OFFER, needs=_TIMED, may=_OFFERED),
    K.AFTER_VISIT_SUMMARY: Nature(about=About.SUMMARY, purpose=_CARE, may=_OPEN),
    K.QUESTIONS_ASKED: Nature(about=About.QUESTIONS, purpose=_CARE, may=_OPEN),
    K.QUESTIONS_OPEN: Nature(about=About.QUESTIONS, purpose=_CARE, may=_OPEN, elsewhere=False),
    K.TO_DO: Nature(about=About.QUESTIONS, purpose=_CARE, may=_OPEN),
    K.TO_DO_OPEN: Nature(about=About.QUESTIONS, purpose=_CARE, may=_OPEN, elsewhere=False),
    K.SURVEY: Nature(about=About.SURVEY, purpose=Purpose.SURVEYS, may=_OPEN, elsewhere=False),
    **dict.fromkeys((K.FOLLOW_UP_DUE, K.FOLLOW_UP_AT_ONCE, K.FOLLOW_UP_OPEN, *OF_ESCALATED), _ON_TASKS),
    **dict.fromkeys((K.HELD_UP, K.HOUSE_UNREADY, K.LINK_LOCKED), _ON_ALERTS),
    **dict.fromkeys((K.UNJOINABLE, K.WAITING_FOR_YOU, K.WAITING_UNANSWERED), _ON_ALERTS),
}


def about(kind: MessageKind) -> About:
    return KINDS[kind].about


def channels(kind: MessageKind, whom: Whom) -> tuple[Channel, ...]:
    """Those that have words of their own for it."""
    nature = KINDS[kind]
    if whom is Whom.PATIENT:
        called = (Channel.PHONE,) if nature.spoken else ()
        return (Channel.EMAIL, Channel.SMS, Channel.PUSH, *called)
    rings = whom is Whom.STAFF and nature.about is About.ALERT
    return (Channel.EMAIL, Channel.PUSH) if rings else (Channel.EMAIL,)


def whom(role: Role) -> Whom:
    """Who reads what goes to that role."""
    match role:
        case Role.PATIENT:
            return Whom.PATIENT
        case Role.GUEST:
            return Whom.COMPANION
        case _:
            return Whom.STAFF
