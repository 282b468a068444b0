"""The control door of a node that records: who may knock for what."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from telehealth.core.grants import GrantKind, MediaSessionId, Place
from tests.kit.media_process import RunningNode, running_node

PLACE = Place(room="room", epoch=1)
BODY = {"key": b64encode(bytes(32)).decode(), "participants": ["ann"]}


@pytest.fixture(scope="module")
def recording_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with running_node({"TELEHEALTH_RECORDINGS_DIR": str(tmp_path_factory.mktemp("recordings"))}) as running:
        yield running


def knock(node: RunningNode, method: str, path: str, body: object = None, *, kind: GrantKind) -> httpx.Response:
    session = MediaSessionId(uuid4())
    headers = node.bearer(session, sub=str(uuid4()), kind=kind, place=PLACE)
    return httpx.request(method, f"{node.url}/{path}/{session}", headers=headers, json=body)


def test_a_recording_is_begun_with_a_grant_to_record(recording_node: RunningNode) -> None:
    begun = knock(recording_node, "PUT", "recordings", BODY, kind=GrantKind.RECORD)
    assert begun.status_code == 201
    assert begun.json()["tracks"] == []
    assert knock(recording_node, "PATCH", "recordings", {"participants": []}, kind=GrantKind.RECORD).status_code == 404
    assert knock(recording_node, "DELETE", "recordings", kind=GrantKind.RECORD).status_code == 404


@pytest.mark.parametrize("kind", [GrantKind.SEND, GrantKind.RECEIVE])
def test_no_other_grant_records(recording_node: RunningNode, kind: GrantKind) -> None:
    assert knock(recording_node, "PUT", "recordings", BODY, kind=kind).status_code == 401


def test_a_grant_to_record_opens_no_connection(recording_node: RunningNode) -> None:
    offer = {"type": "offer", "sdp": "v=0"}
    assert knock(recording_node, "PUT", "sessions", offer, kind=GrantKind.RECORD).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**BODY, "key": "short"},
        {**BODY, "participants": "ann"},
        {**BODY, "more": 1},
        {**BODY, "participants": [""]},
    ],
)
def test_what_does_not_say_whom_and_how_begins_nothing(recording_node: RunningNode, body: object) -> None:
    assert knock(recording_node, "PUT", "recordings", body, kind=GrantKind.RECORD).status_code == 400


def test_a_directory_is_named_by_an_id_and_never_a_path(recording_node: RunningNode, tmp_path: Path) -> None:
    session = MediaSessionId(uuid4())
    for sub in ("..", "../other", str(tmp_path)[:100]):
        headers = recording_node.bearer(session, sub=sub, kind=GrantKind.RECORD, place=PLACE)
        url = f"{recording_node.url}/recordings/{session}"
        assert httpx.put(url, headers=headers, json=BODY).status_code == 404


def test_a_node_without_a_directory_records_nothing(node: RunningNode) -> None:
    refused = knock(node, "PUT", "recordings", BODY, kind=GrantKind.RECORD)
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/recordings-off")
