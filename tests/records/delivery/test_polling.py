"""A create that is answered with 202, and what the address to ask at says afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from telehealth.core.time import SystemClock
from telehealth.records.delivery import fhir_creating
from telehealth.records.delivery.fhir_client import FhirRecordService
from telehealth.records.delivery.fhir_http import FhirServer
from telehealth.records.delivery.profiles import US_CORE
from telehealth.records.delivery.rules import Accepted, Answer, Identifier, Unsure
from telehealth.tasks.outbound import open_client
from tests.kit.notes import a_document
from tests.records.delivery.conftest import MRN

PATIENT = (
    '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient","id":"7",'
    '"identifier":[{"system":"%s","value":"%s"}]}}]}'
)


@contextmanager
def slow_server(status: int, headers: dict[str, str], patient: Identifier) -> Iterator[str]:
    """Knows the patient, takes each document with 202, and answers whoever asks for it as given."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            if self.path.endswith("_search"):
                self.reply(200, {}, PATIENT % (patient.system, patient.value))
            else:
                self.reply(202, {"content-location": "/fhir/jobs/1"})

        def do_GET(self) -> None:
            self.reply(status, headers)

        def reply(self, code: int, sent: dict[str, str], body: str = "") -> None:
            self.send_response(code)
            for name, value in {**sent, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Not on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/fhir"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("status", "headers", "answer"),
    [
        (201, {"location": "DocumentReference/9"}, Accepted("9", None)),
        (429, {"retry-after": "7"}, Unsure(202, timedelta(seconds=7))),
        *((each, {}, Unsure(202)) for each in (401, 403, 404, 410, 412, 422, 429, 500)),
    ],
)
async def test_whatever_else_the_asking_is_answered_the_document_may_be_there(
    monkeypatch: pytest.MonkeyPatch, *, status: int, headers: dict[str, str], answer: Answer
) -> None:
    monkeypatch.setattr(fhir_creating, "POLL_PAUSE", timedelta())
    patient = Identifier(MRN, "202")
    with slow_server(status, headers, patient) as base_url:
        async with open_client(deadline=5) as outbound:
            server = FhirServer(outbound, base_url, credential=None, clock=SystemClock())
            records = FhirRecordService(server, US_CORE)
            assert await records.deliver(a_document(patient), search_first=False) == answer
