"""One create at a FHIR R4 server: conditional where the profile says so, asked for while it is under way."""

import asyncio
import json
import re
from datetime import timedelta
from http import HTTPStatus

from telehealth.records.delivery.documents import Json
from telehealth.records.delivery.fhir_http import FHIR_JSON, FhirServer, Settled
from telehealth.records.delivery.profiles import CreateMode
from telehealth.records.delivery.rules import Accepted, Answer, Identifier, Unsure
from telehealth.tasks.outbound import NoAnswer, Reply

LOCATION = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?$")
POLLS, POLL_PAUSE = 5, timedelta(seconds=1)


async def create(server: FhirServer, resource: Json, key: Identifier, mode: CreateMode) -> Reply:
    """The answer to one POST; `key` is what nothing may be created twice under. Raises Settled."""
    headers = {"content-type": FHIR_JSON, "prefer": "return=minimal"}
    if mode is CreateMode.CONDITIONAL:
        headers["if-none-exist"] = f"identifier={key.system}|{key.value}"
    try:
        return await server.send(
            "POST", str(resource["resourceType"]), headers=headers, content=json.dumps(resource).encode()
        )
    except NoAnswer:
        raise Settled(Unsure()) from None


async def polled(server: FhirServer, reply: Reply) -> Reply:
    """202: it will be done (FHIR R4, section 3.1.0.1.3). Ask where it says, until it is or patience ends.

    Any other answer is to the asking, not to the create: whether that was done is unknown.
    """
    where = reply.headers.get("content-location")
    for _ in range(POLLS if where else 0):
        await asyncio.sleep(min(server.retry_after(reply) or POLL_PAUSE, POLL_PAUSE * 3).total_seconds())
        try:
            reply = await server.send("GET", server.under_base(where or ""))
        except (NoAnswer, Settled):
            raise Settled(Unsure(202)) from None
        if reply.status in (HTTPStatus.OK, HTTPStatus.CREATED):
            break
        if reply.status != HTTPStatus.ACCEPTED:
            raise Settled(Unsure(202, server.retry_after(reply)))
    return reply


def located(reply: Reply, resource_type: str) -> Answer:
    """201 names the new resource in Location (FHIR R4, section 3.1.0.8); one that does not has to be searched for."""
    match = LOCATION.search(reply.headers.get("location", "").split("?")[0])
    if match is None or match[1] != resource_type:
        return Unsure(201)
    etag = reply.headers.get("etag", "").removeprefix("W/").strip('"')
    return Accepted(match[2], etag or match[3], status=201)
