"""History is written once: the database itself refuses to change it."""

import psycopg
import pytest

from telehealth.core.actors import SYSTEM
from telehealth.db.unit import Unit, UnitOfWork


async def leave_a_trace(unit: Unit) -> None:
    unit.audit("read", "visit", unit.new_id())


@pytest.mark.parametrize(
    "change", ["UPDATE audit_event SET outcome = 'ok'", "DELETE FROM audit_event", "TRUNCATE audit_event"]
)
async def test_the_audit_log_cannot_be_changed(unit_of_work: UnitOfWork, database: str, change: str) -> None:
    await unit_of_work.run(leave_a_trace, SYSTEM)
    with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute(change.encode())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE visit_event SET cause = ''",
        "DELETE FROM visit_event",
        "UPDATE alert_step SET recipient_id = NULL",
        "DELETE FROM alert_step",
        "UPDATE participant_event SET role = ''",
        "DELETE FROM participant_event",
        "UPDATE consent SET language = ''",
        "DELETE FROM consent_withdrawal",
        "DELETE FROM follow_up_step",
        "UPDATE follow_up_coordination SET clinician_ids = '{}'",
    ],
)
def test_nor_can_the_history_of_visits_participants_consents_and_alerts(database: str, change: str) -> None:
    with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute(change.encode())
