"""What comes in with a FHIR operation (FHIR R4, section 3.2.0.3), and what is understood of it.

The parameters are those of the Argonaut Scheduling guide 1.0.0. Elements that decide nothing here are passed over; a
parameter that would narrow a search or tell us something is refused when we would not heed it.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from telehealth.core.ids import PatientId
from telehealth.core.intervals import Interval
from telehealth.exchange.choices import Choice, Pointer, SlotName, Sought, read_slot_name
from telehealth.exchange.rules import VISIT_TYPE_SYSTEM, Span, UnfitSearch, parse_codes, parse_ids, parse_moment
from telehealth.http.problems import InvalidRequest
from telehealth.http.schemas import Fault, Message

LARGEST, USUAL = 100, 20
FIND = ("start", "end", "visit-type", "practitioner", "patient-reference", "_count")
HOLD = ("appt-id", "appt-resource", "patient-id")
RISK = "no-show-risk"  # ours: the chance in percent that the patient stays away
BOOK = (*HOLD, RISK)
Text = Annotated[str, Field(max_length=1024)]
Whole = Annotated[int, Field(ge=1, le=1_000_000)]


class Element(Message):
    """Part of a FHIR resource of which only some elements matter."""

    model_config = ConfigDict(extra="ignore")


class Identifier(Element):
    system: Text = ""
    value: Text = ""


class Reference(Element):
    """A literal or a logical reference (FHIR R4, section 2.3.0)."""

    reference: Text | None = None
    identifier: Identifier | None = None

    @property
    def text(self) -> str:
        if self.reference is None and self.identifier is not None:
            return f"{self.identifier.system}|{self.identifier.value}"
        return self.reference or ""


class Participant(Element):
    type: Annotated[list[Element], Field(default_factory=list, max_length=10)]
    actor: Reference | None = None


class ChosenAppointment(Element):
    """An Appointment that a client made from a Slot."""

    resource_type: Annotated[Literal["Appointment"], Field(alias="resourceType")]
    slot: Annotated[list[Reference], Field(min_length=1, max_length=1)]
    participant: Annotated[list[Participant], Field(default_factory=list, max_length=20)]

    def patients(self) -> list[str]:
        named = [each.actor for each in self.participant if each.actor is not None]
        return [each.text for each in named if (each.reference or "").startswith("Patient/")]


class Parameter(Element):
    name: Text
    string: Annotated[Text | None, Field(alias="valueString")] = None
    uri: Annotated[Text | None, Field(alias="valueUri")] = None
    date: Annotated[Text | None, Field(alias="valueDate")] = None
    date_time: Annotated[Text | None, Field(alias="valueDateTime")] = None
    instant: Annotated[Text | None, Field(alias="valueInstant")] = None
    whole: Annotated[int | None, Field(alias="valueInteger", ge=0, le=1_000_000)] = None
    positive: Annotated[Whole | None, Field(alias="valuePositiveInt")] = None
    reference: Annotated[Reference | None, Field(alias="valueReference")] = None
    resource: ChosenAppointment | None = None

    @property
    def text(self) -> str:
        """Whatever is said in words; nothing when nothing is."""
        said = (self.string, self.uri, self.date, self.date_time, self.instant)
        return next((each for each in said if each), self.reference.text if self.reference else "")


class Parameters(Element):
    resource_type: Annotated[Literal["Parameters"], Field(alias="resourceType")]
    parameter: Annotated[list[Parameter], Field(default_factory=list, max_length=50)]


class FindQuery(Message):
    """$find by GET: the same parameters, as it changes nothing (FHIR R4, section 3.2.0.1)."""

    start: Annotated[Text, Field(description="dateTime")]
    end: Annotated[Text, Field(description="dateTime")]
    visit_type: Annotated[list[Text], Field(alias="visit-type", default_factory=list, max_length=20)]
    practitioner: Annotated[list[Text], Field(default_factory=list, max_length=20)]
    patient_reference: Annotated[Text | None, Field(alias="patient-reference")] = None
    count: Annotated[Whole | None, Field(alias="_count", description="at most 100 are given")] = None

    def parameters(self) -> Parameters:
        given = self.model_dump(by_alias=True, exclude_none=True, exclude={"count"})
        listed = [(name, each) for name, said in given.items() for each in (said if isinstance(said, list) else [said])]
        parameter: list[dict[str, object]] = [{"name": name, "valueString": each} for name, each in listed]
        if self.count is not None:
            parameter.append({"name": "_count", "valueInteger": self.count})
        return Parameters.model_validate({"resourceType": "Parameters", "parameter": parameter})


def sought(body: Parameters) -> Sought:
    """Raises InvalidRequest."""
    given = _sorted(body, FIND)
    start, end = (_moment(given, name) for name in ("start", "end"))
    if start.start is None or end.before is None or end.before < start.start:
        raise refused("the end is before the start")
    patients, types, hosts = given["patient-reference"], given["visit-type"], given["practitioner"]
    if len(patients) > 1:
        raise refused("one patient at a time")
    return Sought(
        span=Interval(start.start, end.before),
        codes=_all(parse_codes(each.text, VISIT_TYPE_SYSTEM) for each in types) if types else None,
        practitioners=_all(parse_ids(each.text.removeprefix("Practitioner/")) for each in hosts) if hosts else None,
        patient=_pointer(patients[0].text) if patients else None,
        limit=_limit(given["_count"]),
    )


def chosen(body: Parameters, base: str, names: Iterable[str]) -> Choice:
    """`base` is our own FHIR address, for references that begin with it; `names` is HOLD or BOOK.

    Raises InvalidRequest.
    """
    given = {RISK: [], **_sorted(body, names)}
    ids, made = given["appt-id"], [each.resource for each in given["appt-resource"] if each.resource]
    if len(ids) + len(made) != 1:
        raise refused("one of appt-id and appt-resource, once")
    patients = [each.text for each in given["patient-id"]] or [each for one in made for each in one.patients()]
    if len(patients) != 1:
        raise refused("one patient-id")
    patient = _pointer(patients[0].removeprefix(base))
    risk = _risk(given[RISK])
    if made:
        name = _slot(made[0].slot[0].text.removeprefix(base), "Slot/")
        return Choice(patient=patient, slot=name, no_show_risk=risk)
    text = ids[0].text.removeprefix(base)
    hold = next(iter(parse_ids(text.removeprefix("Appointment/"))), None)
    if hold is not None and risk:
        raise refused(f"{RISK} goes with a time that is taken now")
    return Choice(patient=patient, slot=_slot(text, "Appointment/"), hold_id=hold, no_show_risk=risk)


def refused(detail: str) -> InvalidRequest:
    return InvalidRequest([Fault(where="body", pointer="/parameter", detail=detail)])


def _sorted(body: Parameters, names: Iterable[str]) -> Mapping[str, list[Parameter]]:
    """By name. Raises InvalidRequest for a parameter that would not be heeded."""
    given: dict[str, list[Parameter]] = {name: [] for name in names}
    for each in body.parameter:
        if each.name not in given:
            raise refused(f"only these are supported: {', '.join(given)}")
        given[each.name].append(each)
    return given


def _moment(given: Mapping[str, list[Parameter]], name: str) -> Span:
    if len(given[name]) != 1:
        raise refused(f"one {name}")
    try:
        return parse_moment(given[name][0].text)
    except UnfitSearch as unfit:
        raise refused(f"{name}: {unfit.detail}") from None


def _limit(given: list[Parameter]) -> int:
    counts = [each.whole or each.positive for each in given]
    if len(counts) > 1 or None in counts:
        raise refused("one _count, an integer")
    return min(counts[0] or USUAL, LARGEST) if counts else USUAL


def _risk(given: list[Parameter]) -> int:
    risks = [each.whole for each in given]
    if len(risks) > 1 or any(each is None or each > 100 for each in risks):
        raise refused(f"one {RISK}, an integer of percent")
    return next((each for each in risks if each is not None), 0)


def _pointer(text: str) -> Pointer:
    if "|" in text:
        return Pointer(identifier=text)
    return Pointer(id=next((PatientId(each) for each in parse_ids(text.removeprefix("Patient/"))), None))


def _slot(text: str, prefix: str) -> SlotName | None:
    return read_slot_name(text.removeprefix(prefix))


def _all(sets: Iterable[frozenset]) -> frozenset:  # type: ignore[type-arg]
    return frozenset().union(*sets)
