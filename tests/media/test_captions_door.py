"""The control door of a node that knows a speech engine: who may knock for what."""

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest

from telehealth.core.grants import GrantKind, MediaSessionId, Place
from tests.kit.media_process import RunningNode, running_node

PLACE = Place(room="room", epoch=1)
BODY = {"speakers": {"ann": "pt-BR"}}


@pytest.fixture(scope="module")
def hearing_node() -> Iterator[RunningNode]:
    with running_node({"TELEHEALTH_CAPTIONS_URL": "ws://127.0.0.1:9/{language}"}) as running:
        yield running


class Knocking:
    """For one session, with a fresh grant each time."""

    def __init__(self, node: RunningNode) -> None:
        self._node, self._session, self._sub = node, MediaSessionId(uuid4()), str(uuid4())

    def __call__(
        self,
        method: str,
        body: object = None,
        *,
        kind: GrantKind = GrantKind.CAPTION,
        path: str = "captions",
        more: str = "",
    ) -> httpx.Response:
        headers = self._node.bearer(self._session, sub=self._sub, kind=kind, place=PLACE)
        return httpx.request(method, f"{self._node.url}/{path}/{self._session}{more}", headers=headers, json=body)


def test_captions_are_begun_renewed_read_and_ended(hearing_node: RunningNode) -> None:
    knock = Knocking(hearing_node)
    assert knock("PATCH", BODY).status_code == 404
    begun = knock("PUT", BODY)
    assert (begun.status_code, begun.json()["lines"]) == (201, [])
    assert knock("PATCH", BODY, more="?after=0").json()["number"] == begun.json()["number"]
    assert knock("GET").json()["state"] == "running"
    assert knock("DELETE").status_code == 204
    assert knock("GET").status_code == 404
    assert knock("PUT", BODY).status_code == 409  # what is over does not begin again


@pytest.mark.parametrize("kind", [GrantKind.SEND, GrantKind.RECEIVE, GrantKind.RECORD])
def test_no_other_grant_hears(hearing_node: RunningNode, kind: GrantKind) -> None:
    assert Knocking(hearing_node)("PUT", BODY, kind=kind).status_code == 401


@pytest.mark.parametrize("path", ["sessions", "recordings"])
def test_a_grant_for_captions_opens_nothing_else(hearing_node: RunningNode, path: str) -> None:
    assert Knocking(hearing_node)("PUT", BODY, path=path).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"speakers": ["ann"]},
        {"speakers": {"ann": "../x"}},
        {"speakers": {"ann": "en\n"}},
        {"speakers": {"": "en"}},
        {**BODY, "more": 1},
        {"speakers": {str(each): "en" for each in range(33)}},
    ],
)
def test_what_does_not_say_whom_begins_nothing(hearing_node: RunningNode, body: object) -> None:
    assert Knocking(hearing_node)("PUT", body).status_code == 400


@pytest.mark.parametrize("after", ["x", "-1", "9" * 20, "", "\u0661"])
def test_a_number_is_a_number(hearing_node: RunningNode, after: str) -> None:
    knock = Knocking(hearing_node)
    knock("PUT", BODY)
    assert knock("GET", more=f"?after={after}").status_code == 400


def test_a_node_without_an_engine_hears_nothing(node: RunningNode) -> None:
    refused = Knocking(node)("PUT", BODY)
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/captions-off")
