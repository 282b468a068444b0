"""A signed note as a FHIR R4 document (section 3.3): a Bundle whose Composition comes first and holds together."""

from html import escape
from typing import Any
from uuid import UUID, uuid5

from telehealth.records.charting.queries import SignedDocument, Summary
from telehealth.records.delivery.documents import LOINC
from telehealth.records.delivery.rules import CLINICIAN_SYSTEM, NOTE_VERSION_SYSTEM, VISIT_SYSTEM
from telehealth.records.notes.markdown import html, parse
from telehealth.records.notes.rules import TITLES, instant

Json = dict[str, Any]
PROFILE = "urn:uuid:53a4a1d2-5a0e-4a7e-9e0f-6c1f0b7d2c11"  # telehealth/web/documents/signed-note.json
BUNDLE_SPACE = UUID("7f9d3c7a-1d0b-4b62-8c57-0b7c3b1f5e42")
CLASS = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "code": "VR",
    "display": "virtual",
}


def document_bundle(signed: SignedDocument) -> Json:
    """Every reference in it leads to an entry of it; the same versions make the same Bundle."""
    latest = signed.note.all[-1]
    entries = [_composition(signed), _patient(signed), _practitioner(signed), _encounter(signed)]
    if signed.clinic.name:  # FHIR has no empty strings
        entries.append({"resourceType": "Organization", "id": _id(signed, "Organization"), "name": signed.clinic.name})
    return {
        "resourceType": "Bundle",
        "id": _id(signed, "Bundle"),
        "meta": {"lastUpdated": instant(latest.signed_at)},
        "identifier": {"system": NOTE_VERSION_SYSTEM, "value": f"{latest.note_id}-v{latest.version}"},
        "type": "document",
        "timestamp": instant(latest.signed_at),
        "entry": [{"fullUrl": f"urn:uuid:{each['id']}", "resource": each} for each in entries],
    }


def _composition(signed: SignedDocument) -> Json:
    text, latest, title = signed.note.text, signed.note.all[-1], TITLES[signed.note.text.kind]
    author = _signer(signed, text)
    custodian = {"custodian": {"reference": _reference(signed, "Organization")}} if signed.clinic.name else {}
    return {
        "resourceType": "Composition",
        "id": _id(signed, "Composition"),
        "meta": {"profile": [PROFILE]},
        "identifier": {"system": NOTE_VERSION_SYSTEM, "value": f"{latest.note_id}-v{latest.version}"},
        "status": "final" if latest.version == 1 else "amended",
        "type": {"coding": [{"system": LOINC, "code": text.kind.value}], "text": title},
        "subject": {"reference": _reference(signed, "Patient")},
        "encounter": {"reference": _reference(signed, "Encounter")},
        "date": instant(latest.signed_at),
        "author": [author],
        "title": title,
        "attester": [attester for each in signed.note.all for attester in _attesters(signed, each)],
        **custodian,
        "section": [_section(each) for each in signed.note.all],
    }


def _signer(signed: SignedDocument, version: Summary) -> Json:
    """The Practitioner of the Bundle who wrote the text; another, after the visit was handed over, by identifier."""
    if version.clinician_id == signed.note.text.clinician_id:
        return {"reference": _reference(signed, "Practitioner"), "display": version.author_name}
    return _clinician(version.clinician_id, version.author_name)


def _clinician(clinician_id: UUID, name: str) -> Json:
    return {"identifier": {"system": CLINICIAN_SYSTEM, "value": str(clinician_id)}, "display": name}


def _attesters(signed: SignedDocument, version: Summary) -> list[Json]:
    """Who signed; who answers for it legally is a supervisor, if its author is a trainee."""
    own = {"time": instant(version.signed_at), "party": _signer(signed, version)}
    if (cosigned := version.cosigned) is None:
        return [{"mode": "legal", **own}]
    party = _clinician(cosigned.by, cosigned.name)
    return [{"mode": "professional", **own}, {"mode": "legal", "time": instant(cosigned.at), "party": party}]


def _section(version: Summary) -> Json:
    """One signed version: the lines it begins with, and its words."""
    head, _, body = version.text.partition("\n\n")
    words = f"<p>{'<br/>'.join(map(escape, head.splitlines()))}</p>{html(parse(body), top=2)}"
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{words}</div>'
    return {"title": head.partition("\n")[0], "text": {"status": "generated", "div": div}}


def _patient(signed: SignedDocument) -> Json:
    subject = signed.subject
    system, _, value = subject.identifier.partition("|")
    given = {"given": [subject.given]} if subject.given else {}
    name = {"name": [{"text": subject.name, "family": subject.family, **given}]} if subject.name else {}
    born = {"birthDate": subject.birth_date.isoformat()} if subject.birth_date else {}
    return {
        "resourceType": "Patient",
        "id": _id(signed, "Patient"),
        "identifier": [{"system": system, "value": value}],
        **name,
        **born,
    }


def _practitioner(signed: SignedDocument) -> Json:
    return {
        "resourceType": "Practitioner",
        "id": _id(signed, "Practitioner"),
        "identifier": [{"system": CLINICIAN_SYSTEM, "value": str(signed.note.text.clinician_id)}],
        "name": [{"text": signed.note.text.author_name}],
    }


def _encounter(signed: SignedDocument) -> Json:
    start, end = signed.started_at, signed.ended_at
    status = "unknown" if start is None else "in-progress" if end is None else "finished"
    times = {name: instant(at) for name, at in (("start", start), ("end", end)) if at is not None}
    return {
        "resourceType": "Encounter",
        "id": _id(signed, "Encounter"),
        "identifier": [{"system": VISIT_SYSTEM, "value": str(signed.note.text.visit_id)}],
        "status": status,
        "class": CLASS,
        "subject": {"reference": _reference(signed, "Patient")},
        **({"period": times} if times else {}),
    }


def _id(signed: SignedDocument, kind: str) -> str:
    """A Composition is known by the last signature that made the note what it is: `$document` asks for it by that."""
    if kind == "Composition":
        return str(signed.note.all[-1].id)
    versions = " ".join(str(each.id) for each in signed.note.all)
    return str(uuid5(BUNDLE_SPACE, f"{versions} {kind}"))


def _reference(signed: SignedDocument, kind: str) -> str:
    return f"urn:uuid:{_id(signed, kind)}"
