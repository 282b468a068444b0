"""Files over HTTP: tus, cut and resumed, two at one offset, what is refused, and who gets through."""

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import anyio
import httpx
import pytest
from sqlalchemy import func, select, update

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.events import Event
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.records.attachments.directory import NoStore
from telehealth.records.attachments.events import FilesChanged
from telehealth.records.attachments.examiner import ProcessExaminer
from telehealth.records.attachments.models import AttachmentPartRow
from telehealth.records.attachments.ports import Examiner, Limits, ObjectStore
from telehealth.records.attachments.routes import OPERATIONS, PAGES
from telehealth.records.attachments.rules import LEASE, MEBIBYTE, UPLOAD_KEPT
from telehealth.records.attachments.tasks import settle_files
from telehealth.tasks.work import Work
from telehealth.visits.lifecycle.models import ParticipantRow, VisitRow
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit import files
from tests.kit.uploads import BYTES, TUS, Door, Storage
from tests.kit.visits import Arranged, arrange_visit
from tests.kit.web import bearer, client_of

AUTHOR, COLLEAGUE, PATIENT, STRANGER, DESK = map(bearer, ("author", "colleague", "patient", "stranger", "desk"))
PHOTO = files.photo()
LARGEST = 3 * MEBIBYTE


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path / "files")


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit)


@pytest.fixture
def ports(storage: Storage) -> dict[type, object]:
    return {ObjectStore: storage, Examiner: ProcessExaminer(), Limits: Limits(LARGEST)}


@pytest.fixture
def work(unit_of_work: UnitOfWork, ports: dict[type, object], clock: FixedClock) -> Work:
    return Work(unit_of_work, Ports(ports), clock)


@pytest.fixture
async def http(
    unit_of_work: UnitOfWork, arranged: Arranged, ports: dict[type, object]
) -> AsyncIterator[httpx.AsyncClient]:
    guest = await unit_of_work.run(_guest, SYSTEM, arranged)
    known = {
        "author": arranged.clinician,
        "colleague": Actor(uuid4(), Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=uuid4()),
        "patient": guest,
        "stranger": replace(guest, id=uuid4(), visit_id=uuid4()),
        "desk": Actor(uuid4(), Role.FRONT_DESK, SCOPES[Role.FRONT_DESK]),
    }
    async with client_of(unit_of_work, (*OPERATIONS, *PAGES), known, ports=ports) as client:
        yield client


async def _guest(unit: Unit, arranged: Arranged) -> Actor:
    row = ParticipantRow(
        id=unit.new_id(), visit_id=arranged.visit_id, role="patient", person_id=arranged.patient_id, created_at=unit.now
    )
    unit.session.add(row)
    return Actor(row.id, Role.PATIENT, SCOPES[Role.PATIENT], person_id=arranged.patient_id, visit_id=arranged.visit_id)


@pytest.fixture
def author(http: httpx.AsyncClient, arranged: Arranged) -> Door:
    return Door(http, f"/v1/visits/{arranged.visit_id}/attachments", AUTHOR)


@pytest.fixture
def patient(http: httpx.AsyncClient, arranged: Arranged) -> Door:
    return Door(http, f"/v1/visits/{arranged.visit_id}/files", PATIENT)


def stored(work: Work) -> list[Path]:
    """What lies in the storage."""
    storage = work.port(ObjectStore)
    assert isinstance(storage, Storage)
    return storage.objects()


async def parts(unit: Unit) -> int:
    return await unit.session.scalar(select(func.count(AttachmentPartRow.id))) or 0


async def test_a_photo_is_attached_kept_sealed_and_read_again(
    author: Door, storage: Storage, unit_of_work: UnitOfWork, nudged: list[Event]
) -> None:
    done = await author.attach(PHOTO, "../../etc/pass\u202ewd.exe")
    assert (done.status_code, done.headers["upload-offset"]) == (204, str(len(PHOTO)))
    (kept,) = await author.listed()
    assert (kept["name"], kept["state"], kept["media_type"], kept["by_patient"]) == (
        "passwd",
        "kept",
        "image/jpeg",
        False,
    )
    read = await author.read(kept["id"])
    assert read.status_code == 200
    assert hashlib.sha256(read.content).hexdigest() == kept["sha256"]
    assert len(read.content) == kept["octets"]
    assert read.headers["content-type"] == "image/jpeg"
    assert read.headers["content-disposition"] == "attachment; filename=\"passwd.jpg\"; filename*=UTF-8''passwd.jpg"
    assert read.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert read.headers["x-content-type-options"] == "nosniff"
    assert read.headers["cache-control"] == "no-store"
    (path,) = storage.objects()
    assert path.stat().st_mode & 0o077 == 0
    assert read.content[:200] not in path.read_bytes()
    assert await unit_of_work.run(parts) == 0
    assert [type(each) for each in nudged] == [FilesChanged]
    trace = select(AuditRow.action).where(AuditRow.entity == "attachment").order_by(AuditRow.position)
    assert await unit_of_work.run(_all, SYSTEM, trace) == ["create", "update", "read"]


async def _all(unit: Unit, query: object) -> list[object]:
    return list(await unit.session.scalars(query))  # type: ignore[call-overload]


async def test_an_upload_that_is_cut_goes_on_where_it_was(author: Door) -> None:
    content = files.photo("PNG", size=(1600, 1200), mode="RGB") + b"\0" * 2 * MEBIBYTE  # PNG ends where it says
    at = (await author.begin(len(content))).headers["location"]

    async def cut() -> AsyncIterator[bytes]:
        yield content[: MEBIBYTE + 1000]

    first = await author.send(at, 0, cut())
    assert (first.status_code, first.headers["upload-offset"]) == (204, str(MEBIBYTE + 1000))
    assert await author.offset(at) == (200, str(MEBIBYTE + 1000))
    assert (await author.send(at, 0, content)).status_code == 409
    assert (await author.send(at, MEBIBYTE + 1000, content[MEBIBYTE + 1000 :])).status_code == 204
    (kept,) = await author.listed()
    assert (kept["state"], kept["media_type"]) == ("kept", "image/png")
    assert await author.offset(at) == (200, str(len(content)))


async def test_of_two_writers_at_one_offset_one_is_told(author: Door, unit_of_work: UnitOfWork) -> None:
    at = (await author.begin(len(PHOTO) + 1)).headers["location"]
    answers: list[int] = []

    async def write() -> None:
        answers.append((await author.send(at, 0, PHOTO)).status_code)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(write)
    assert sorted(answers) == [204, 409, 409, 409]
    assert await author.offset(at) == (200, str(len(PHOTO)))
    assert await unit_of_work.run(parts) == 1


async def test_more_bytes_than_announced_are_refused_and_those_before_stay(author: Door) -> None:
    at = (await author.begin(len(PHOTO))).headers["location"]
    told = await author.send(at, 0, PHOTO + b"more")
    assert (told.status_code, told.json()["type"]) == (413, "/problems/file-too-large")

    async def unsaid() -> AsyncIterator[bytes]:
        yield PHOTO + b"more"

    assert (await author.send(at, 0, unsaid())).status_code == 413
    assert await author.offset(at) == (200, "0")
    assert (await author.send(at, 0, PHOTO)).status_code == 204


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<!doctype html>" + files.MARK, "unknown-type"),
        (b"\xff\xd8\xff\xe0" + files.MARK, "broken"),
        (files.bomb(), "too-big-inside"),
    ],
)
async def test_what_cannot_be_kept_is_refused_and_leaves_nothing(
    author: Door, work: Work, content: bytes, reason: str
) -> None:
    refused = await author.attach(content, "holiday.jpg")
    assert (refused.status_code, refused.json()["type"], refused.json()["reason"]) == (
        422,
        "/problems/unfit-file",
        reason,
    )
    assert refused.headers["tus-resumable"] == "1.0.0"
    assert "holiday" not in refused.text
    assert (stored(work), await work.run(parts), await author.listed()) == ([], 0, [])


async def test_the_content_says_what_a_file_is_whatever_is_declared(author: Door) -> None:
    declared = base64.b64encode(b"image/png").decode()
    begun = await author.begin(len(PHOTO), "x.png", **{"Upload-Metadata": f"filename eA==,filetype {declared}"})
    assert (await author.send(begun.headers["location"], 0, PHOTO)).status_code == 204
    assert [each["media_type"] for each in await author.listed()] == ["image/jpeg"]


async def test_the_protocol_is_kept_to(author: Door) -> None:
    for wrong, status in (
        ({"Tus-Resumable": "0.2.2"}, 412),
        ({"Upload-Length": "x"}, 400),
        ({"Upload-Length": str(LARGEST + 1)}, 413),
        ({"Upload-Length": "0"}, 422),
        ({"Upload-Metadata": "filename ???"}, 400),
    ):
        told = await author.begin(10, **wrong)
        assert (told.status_code, told.headers["tus-version"], told.headers["tus-resumable"]) == (
            status,
            "1.0.0",
            "1.0.0",
        )
    begun = await author.begin(10)
    assert begun.json()["upload"] == begun.headers["location"]
    assert "upload-expires" in begun.headers
    at = begun.headers["location"]
    other = await author.client.patch(at, headers={**AUTHOR, **TUS, "Upload-Offset": "0"}, content=b"x")
    assert other.status_code == 415
    assert (await author.client.patch(at, headers={**AUTHOR, **BYTES}, content=b"x")).status_code == 400
    assert (await author.client.head(at, headers=AUTHOR)).status_code == 412


async def test_a_storage_that_is_away_loses_nothing(
    author: Door, storage: Storage, work: Work, clock: FixedClock
) -> None:
    storage.away = True
    assert (await author.attach(PHOTO)).status_code == 204
    assert [each["state"] for each in await author.listed()] == ["received"]
    assert await settle_files(work) == 0  # its lease is not over
    storage.away = False
    clock.advance(LEASE)
    assert await settle_files(work) == 1
    (kept,) = await author.listed()
    assert kept["state"] == "kept"
    storage.away = True
    assert (await author.read(kept["id"])).status_code == 503
    storage.away = False
    (path,) = storage.objects()
    held = path.read_bytes()
    path.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))
    assert (await author.read(kept["id"])).status_code == 503


async def test_what_is_taken_away_or_given_up_is_gone(
    author: Door, storage: Storage, work: Work, clock: FixedClock
) -> None:
    await author.attach(PHOTO)
    (kept,) = await author.listed()
    removed = await author.client.delete(f"{author.path}/{kept['id']}", headers=AUTHOR)
    again = await author.client.delete(f"{author.path}/{kept['id']}", headers=AUTHOR)
    assert (removed.status_code, again.status_code) == (204, 204)
    assert (await author.read(kept["id"])).status_code == 404
    assert len(storage.objects()) == 1
    assert await settle_files(work) == 1
    assert storage.objects() == []
    at = (await author.begin(len(PHOTO))).headers["location"]
    await author.send(at, 0, PHOTO[:100])
    clock.advance(UPLOAD_KEPT * 2)
    await settle_files(work)
    assert (await work.run(parts), await author.offset(at)) == (0, (404, None))


async def test_the_patient_sends_photos_before_and_during_and_sees_what_they_sent(
    author: Door, patient: Door, unit_of_work: UnitOfWork, arranged: Arranged
) -> None:
    assert (await patient.attach(PHOTO, "arm.jpg")).status_code == 204
    assert (await author.attach(files.document(), "letter.pdf")).status_code == 204
    assert [each["name"] for each in await patient.listed()] == ["arm"]
    both = {str(each["name"]): each for each in await author.listed()}
    assert {name: each["by_patient"] for name, each in both.items()} == {"arm": True, "letter": False}
    own, others = both["arm"]["id"], both["letter"]["id"]
    assert (await patient.read(own)).status_code == 200
    assert (await patient.read(others)).status_code == 404
    assert (await author.client.delete(f"{author.path}/{own}", headers=AUTHOR)).status_code == 404
    sound = await patient.attach(files.sound(), "cough.ogg")
    assert (sound.status_code, sound.json()["reason"]) == (422, "type-not-taken")
    await unit_of_work.run(_status, SYSTEM, arranged.visit_id, VisitStatus.COMPLETED)
    assert (await patient.begin(10)).status_code == 409
    assert (await author.begin(10)).status_code == 201
    assert (await patient.client.delete(f"{patient.path}/{own}", headers=PATIENT)).status_code == 409


@pytest.mark.parametrize("status", [VisitStatus.COMPLETED, VisitStatus.CANCELLED])
async def test_what_was_begun_before_is_not_gone_on_with_once_the_visit_takes_no_more(
    patient: Door, unit_of_work: UnitOfWork, arranged: Arranged, status: VisitStatus
) -> None:
    at = (await patient.begin(len(PHOTO))).headers["location"]
    assert (await patient.send(at, 0, PHOTO[:100])).status_code == 204
    await unit_of_work.run(_status, SYSTEM, arranged.visit_id, status)
    late = await patient.send(at, 100, PHOTO[100:])
    assert (late.status_code, late.json()["type"]) == (409, "/problems/not-to-be-attached")


async def _status(unit: Unit, visit_id: UUID, status: VisitStatus) -> None:
    await unit.session.execute(update(VisitRow).where(VisitRow.id == visit_id).values(status=status))


async def test_nobody_else_gets_through(author: Door, patient: Door) -> None:
    await author.attach(PHOTO)
    (kept,) = await author.listed()
    for door, credential, status in (
        (author, COLLEAGUE, 404),
        (author, PATIENT, 403),
        (author, DESK, 403),
        (patient, STRANGER, 404),
        (patient, AUTHOR, 403),
    ):
        other = Door(door.client, door.path, credential)
        assert (await other.begin(10)).status_code == status
        assert (await other.read(kept["id"])).status_code == status
        assert (await other.offset(f"{door.path}/{kept['id']}/upload"))[0] == status


async def test_a_form_does_the_same_without_scripts(patient: Door, author: Door, arranged: Arranged) -> None:
    form = {"file": ("C:\\Users\\rosa\\arm.png", files.photo("PNG"), "text/html")}
    sent = await patient.client.post("/visit/files", files=form, headers=PATIENT)
    assert (sent.status_code, sent.headers["location"]) == (303, "/visit/files")
    assert [each["name"] for each in await patient.listed()] == ["arm"]
    attached = await author.client.post(f"/visits/{arranged.visit_id}/attachments", files=form, headers=AUTHOR)
    assert (attached.status_code, attached.headers["location"]) == (303, f"/visits/{arranged.visit_id}")
    page = await patient.client.get("/visit/files", headers=PATIENT)
    assert page.status_code == 200
    assert "arm" in page.text
    large = {"file": ("large.jpg", b"\xff\xd8\xff" + b"\0" * (LARGEST + 2**17))}
    for wrong, status in ((large, 422), ({"file": ("x.html", files.MARK)}, 422)):
        told = await patient.client.post("/visit/files", files=wrong, headers=PATIENT)
        assert (told.status_code, "alert" in told.text) == (status, True)


async def test_no_more_than_twenty(author: Door) -> None:
    answers = [(await author.begin(10)).status_code for _ in range(21)]
    assert answers == [201] * 20 + [409]


@pytest.fixture
async def homeless(
    unit_of_work: UnitOfWork, arranged: Arranged, ports: dict[type, object]
) -> AsyncIterator[httpx.AsyncClient]:
    """A house that was not told where to keep files."""
    known = {"author": arranged.clinician, "patient": await unit_of_work.run(_guest, SYSTEM, arranged)}
    unkept = {**ports, Limits: Limits(LARGEST, kept=False), ObjectStore: NoStore()}
    async with client_of(unit_of_work, (*OPERATIONS, *PAGES), known, ports=unkept) as client:
        yield client


async def test_without_a_storage_nothing_is_accepted(homeless: httpx.AsyncClient, arranged: Arranged) -> None:
    for path, credential in (("attachments", AUTHOR), ("files", PATIENT)):
        told = await Door(homeless, f"/v1/visits/{arranged.visit_id}/{path}", credential).begin(len(PHOTO))
        assert (told.status_code, told.json()["type"]) == (409, "/problems/no-file-storage")
    form = await homeless.post("/visit/files", files={"file": ("arm.jpg", PHOTO, "image/jpeg")}, headers=PATIENT)
    assert (form.status_code, "Files cannot be sent to this clinic." in form.text) == (422, True)
