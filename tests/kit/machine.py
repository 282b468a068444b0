"""The table of the product, written a second time and by hand: what the machine of visits is compared with."""

from telehealth.visits.lifecycle.rules import Command, VisitStatus

S, C = VisitStatus, Command
# Status before -> command -> status after.
TABLE: dict[VisitStatus | None, dict[Command, VisitStatus]] = {
    None: {C.REQUEST: S.REQUESTED, C.HOLD: S.HELD, C.BOOK: S.BOOKED},
    S.REQUESTED: {C.HOLD: S.HELD, C.BOOK: S.BOOKED, C.CANCEL: S.CANCELLED},
    S.HELD: {C.EXPIRE: S.EXPIRED, C.RELEASE: S.EXPIRED, C.BOOK: S.BOOKED, C.CANCEL: S.CANCELLED},
    S.BOOKED: {
        C.WITHDRAW: S.BOOKED,
        C.RESCHEDULE: S.BOOKED,
        C.WAIVE: S.BOOKED,
        C.HAND_OVER: S.BOOKED,
        C.ARRIVE: S.ARRIVED,
        C.CANCEL: S.CANCELLED,
        C.PATIENT_NO_SHOW: S.PATIENT_NO_SHOW,
    },
    S.ARRIVED: {
        C.WITHDRAW: S.ARRIVED,
        C.CHECK: S.ARRIVED,
        C.ATTEST: S.ARRIVED,
        C.WAIVE: S.ARRIVED,
        C.AWAY: S.ARRIVED,
        C.BACK: S.ARRIVED,
        C.HAND_OVER: S.ARRIVED,
        C.MAKE_READY: S.READY,
        C.CANCEL: S.CANCELLED,
        C.PROVIDER_NO_SHOW: S.PROVIDER_NO_SHOW,
        C.LEAVE: S.LEFT_UNSEEN,
    },
    S.READY: {
        C.WITHDRAW: S.ARRIVED,
        C.CHECK: S.READY,
        C.ATTEST: S.READY,
        C.WAIVE: S.READY,
        C.AWAY: S.READY,
        C.BACK: S.READY,
        C.HAND_OVER: S.READY,
        C.ADMIT: S.ADMITTING,
        C.CANCEL: S.CANCELLED,
        C.PROVIDER_NO_SHOW: S.PROVIDER_NO_SHOW,
        C.LEAVE: S.LEFT_UNSEEN,
    },
    S.ADMITTING: {
        C.WITHDRAW: S.ARRIVED,
        C.CONNECT: S.IN_PROGRESS,
        C.NO_ANSWER: S.READY,
        C.PUT_BACK: S.READY,
        C.HAND_OVER: S.ADMITTING,
        C.CANCEL: S.CANCELLED,
        C.FAIL: S.INCOMPLETE,
    },
    S.IN_PROGRESS: {
        C.WITHDRAW: S.IN_PROGRESS,
        C.DROP: S.INTERRUPTED,
        C.HAND_OVER: S.IN_PROGRESS,
        C.END: S.ENDED,
        C.FAIL: S.INCOMPLETE,
    },
    S.INTERRUPTED: {
        C.WITHDRAW: S.INTERRUPTED,
        C.RESUME: S.IN_PROGRESS,
        C.HAND_OVER: S.INTERRUPTED,
        C.END: S.ENDED,
        C.FAIL: S.INCOMPLETE,
    },
    S.ENDED: {C.COMPLETE: S.COMPLETED},
    **{each: {C.CORRECT: S.BOOKED} for each in (S.PATIENT_NO_SHOW, S.PROVIDER_NO_SHOW, S.LEFT_UNSEEN, S.INCOMPLETE)},
}


def expected(status: VisitStatus | None, command: Command) -> VisitStatus | None:
    if command is C.MARK_ERROR:
        return None if status in (None, S.ENTERED_IN_ERROR) else S.ENTERED_IN_ERROR
    return TABLE.get(status, {}).get(command)
