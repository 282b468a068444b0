"""The ways in to alerts of devices: integrations bring them, clinicians read them."""

from uuid import UUID

from telehealth.access.rules import NoGrant
from telehealth.alerts import queries, service
from telehealth.alerts.parts import AlertDiffers, NoVisit, Severity, TooManyAlerts, UnfitAlert
from telehealth.alerts.schemas import DeviceAlertContent, DeviceAlertsView, DeviceAlertView
from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotFound
from telehealth.http.call import Call
from telehealth.http.operation import operation


async def take_device_alert(call: Call, body: DeviceAlertContent) -> DeviceAlertView:
    """A device has raised an alert of a patient: clinicians have a task of it. Sent again it is answered again."""
    return DeviceAlertView.of(await call.run(service.take, body.report()))


async def resolve_device_alert(call: Call, device_alert: UUID) -> DeviceAlertView:
    """It is over: with the last of its alerts the task is done. Saying so twice is no fault."""
    return DeviceAlertView.of(await call.run(service.resolve, device_alert))


async def list_device_alerts_of_task(call: Call, task: UUID) -> DeviceAlertsView:
    """What devices told that a task is about."""
    return DeviceAlertsView.of(await call.run(queries.for_task, task))


async def list_device_alerts_of_visit(call: Call, visit: UUID) -> DeviceAlertsView:
    """What devices told of its patient that was hung on this visit, with a task or without."""
    return DeviceAlertsView.of(await call.run(queries.for_visit, visit))


def cannot_wait(body: DeviceAlertContent) -> bool:
    """Whether it goes before whatever else its platform tells."""
    return body.severity is Severity.HIGH


_BRING, _READ, _CARE = Scope.ALERTS_WRITE, Scope.VISITS_HOST, Purpose.TREATMENT
ALERTS, OF_TASK, OF_VISIT = "/v1/device-alerts", "/v1/follow-ups/{task:uuid}", "/v1/visits/{visit:uuid}"
RESOLVE = f"{ALERTS}/{{device_alert:uuid}}/resolve"
_TAKING = (NoGrant, NotFound, UnfitAlert, AlertDiffers, TooManyAlerts, NoVisit)
_TASKS, _VISITS = list_device_alerts_of_task, list_device_alerts_of_visit
OPERATIONS = (
    operation("POST", ALERTS, take_device_alert, needs=_BRING, status=201, errors=_TAKING, urgent=cannot_wait),
    operation("POST", RESOLVE, resolve_device_alert, needs=_BRING, errors=(NoGrant, NotFound)),
    operation("GET", f"{OF_TASK}/device-alerts", _TASKS, needs=_READ, purpose=_CARE, errors=(NotFound,)),
    operation("GET", f"{OF_VISIT}/device-alerts", _VISITS, needs=_READ, purpose=_CARE, errors=(NotFound,)),
)
