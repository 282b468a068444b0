"""An integration that may use everything of one patient, and what a device told of a patient by it."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from telehealth.access import service as access
from telehealth.access.rules import SCOPES, DataKind
from telehealth.alerts.models import DeviceAlertRow
from telehealth.alerts.parts import Code, CodeSystem, Device, Report, Severity
from telehealth.alerts.queries import sealed
from telehealth.core.actors import Purpose, Role
from telehealth.core.ids import AccountId, GrantId, IntegrationId, PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.people.rules import Patient
from tests.kit.integrations import jwks_of, new_key


async def integration_of(unit: Unit, patient: Patient, admin: AccountId) -> tuple[IntegrationId, GrantId, str]:
    """One that may use everything of one patient, with a token that outlasts the longest test."""
    scopes = SCOPES[Role.INTEGRATION]
    added = await access.add_integration(unit, name="Puller", scopes=scopes, jwks=jwks_of(new_key()))
    given = await access.grant(
        unit,
        integration_id=added.id,
        purpose=Purpose.OPERATIONS,
        data_kinds=list(DataKind),
        patients=frozenset({patient.id}),
        valid_until=unit.now + timedelta(days=1),
        approved_by=admin,
    )
    token = await access.issue_token(
        unit, integration_id=added.id, jti="1", assertion_ends_at=unit.now, scope=" ".join(sorted(scopes))
    )
    assert isinstance(token, access.Issued)
    await unit.session.flush()
    await unit.session.execute(text("UPDATE access_token SET ends_at = ends_at + interval '1 day'"))
    return added.id, given.id, token.secret


async def alerted(unit: Unit, integration: IntegrationId, alert: UUID, of: tuple[VisitId, PatientId]) -> None:
    """Whatever is granted now: what was told stays."""
    told = Report(
        identifier=str(alert),
        patient_id=of[1],
        device=Device("Cuff", "SN-1"),
        code=Code(CodeSystem.LOINC, "8480-6", "Systolic pressure"),
        severity=Severity.HIGH,
        raised_at=unit.now,
    )
    row = DeviceAlertRow(id=alert, identifier=told.identifier, content=sealed(unit, alert, told))
    row.integration_id, row.patient_id, row.visit_id, row.device = integration, of[1], of[0], "SN-1"
    row.code_system, row.code, row.severity = told.code.system, told.code.code, told.severity
    row.raised_at = row.received_at = unit.now
    unit.session.add(row)
    await unit.session.flush()
