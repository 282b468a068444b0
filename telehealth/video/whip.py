"""WHIP (RFC 9725) for devices and WHEP (draft-ietf-wish-whep) for observers: HTTP in front of `ingress`.

The bearer of a media credential is its only reader here: no cookie counts, so pages of any origin may ask (CORS).
"""

from collections.abc import Iterator
from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import ConditionMissing, Stale
from telehealth.http.body import media_type, read_bytes
from telehealth.http.call import Call
from telehealth.http.conditions import etag, if_match
from telehealth.http.problems import MalformedBody, UnsupportedMediaType
from telehealth.video import credentials, ingress, sdp_fragment
from telehealth.video.credential import Credential, CredentialInvalid, Protocol, Shown
from telehealth.video.ports import IceServers
from telehealth.video.schemas import IceServer
from telehealth.video.turn import ice_servers

SDP = "application/sdp"
LARGEST_OFFER = 60_000
ANY_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link, Location, Retry-After",
}
PREFLIGHT = {"Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match", "Access-Control-Max-Age": "86400"}


async def publish(call: Call, visit: UUID) -> Response:
    """Send a device's media into the call (RFC 9725, section 4.2): an SDP offer, and the media node's answer."""
    return await _begin(call, visit, Protocol.WHIP)


async def watch(call: Call, visit: UUID) -> Response:
    """Receive the media of the call (WHEP): an SDP offer, and the media node's answer."""
    return await _begin(call, visit, Protocol.WHEP)


async def patch_published(call: Call, visit: UUID, session: UUID) -> Response:
    """Trickle ICE, which changes nothing, or restart ICE with `If-Match: *` (RFC 9725, section 4.3)."""
    return await _patch(call, await _held(call, visit, Protocol.WHIP, session))


async def patch_watched(call: Call, visit: UUID, session: UUID) -> Response:
    """Trickle ICE, which changes nothing, or restart ICE with `If-Match: *`, as for WHIP."""
    return await _patch(call, await _held(call, visit, Protocol.WHEP, session))


async def end_published(call: Call, visit: UUID, session: UUID) -> Response:
    """End what the device sends; its credential is used up."""
    return await _end(call, await _held(call, visit, Protocol.WHIP, session))


async def end_watched(call: Call, visit: UUID, session: UUID) -> Response:
    """End what the observer receives; their credential is used up."""
    return await _end(call, await _held(call, visit, Protocol.WHEP, session))


async def publishing_options(call: Call, visit: UUID) -> Response:  # noqa: ARG001 -- the same for everyone
    """What may be asked here of pages of other origins."""
    return _options("POST")


async def watching_options(call: Call, visit: UUID) -> Response:  # noqa: ARG001 -- the same for everyone
    """What may be asked here of pages of other origins."""
    return _options("POST")


async def published_options(call: Call, visit: UUID, session: UUID) -> Response:  # noqa: ARG001 -- the same for everyone
    """What may be asked here of pages of other origins."""
    return _options("PATCH, DELETE")


async def watched_options(call: Call, visit: UUID, session: UUID) -> Response:  # noqa: ARG001 -- the same for everyone
    """What may be asked here of pages of other origins."""
    return _options("PATCH, DELETE")


async def _begin(call: Call, visit: UUID, protocol: Protocol) -> Response:
    shown = Shown(_bearer(call), visit, protocol)
    offer = await _text(call, SDP, LARGEST_OFFER)
    begun = await ingress.begin(call.kit, shown, offer)
    now = call.kit.unit_of_work.clock.now()
    headers = {"Location": f"{call.request.url.path}/{begun.id}", **etag(begun.ice)}
    links = list(_links(ice_servers(call.port(IceServers), begun.participant, now)))
    if links:
        headers["Link"] = ", ".join(links)
    return Response(begun.sdp, 201, headers=headers, media_type=SDP)


async def _held(call: Call, visit: UUID, protocol: Protocol, session: UUID) -> Credential:
    shown = Shown(_bearer(call), visit, protocol)
    return await call.kit.unit_of_work.run(credentials.of_session, SYSTEM, shown, session)


async def _patch(call: Call, held: Credential) -> Response:
    """Raises ConditionMissing, Stale, FragmentMalformed, and what a restart raises."""
    fragment = sdp_fragment.read(await _text(call, sdp_fragment.MEDIA_TYPE, sdp_fragment.LARGEST))
    named = call.header("if-match")
    if named is None:
        raise ConditionMissing
    if named.strip() != "*":
        if held.session is None or held.session.placed is None or if_match(call) != held.session.placed.ice:
            raise Stale
        return Response(status_code=204)  # the media node finds them by their checks, wherever these come from
    told, ice = await ingress.restart(call.kit, held, fragment)
    return Response(told, 200, headers=etag(ice), media_type=sdp_fragment.MEDIA_TYPE)


async def _end(call: Call, held: Credential) -> Response:
    await ingress.end(call.kit, held, used_up=True)
    return Response(status_code=200)


async def _text(call: Call, kind: str, largest: int) -> str:
    if media_type(call.request) != kind:
        raise UnsupportedMediaType
    try:
        return (await read_bytes(call.request, largest)).decode()
    except UnicodeDecodeError:
        raise MalformedBody from None


def _bearer(call: Call) -> str:
    scheme, _, token = (call.header("authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise CredentialInvalid
    return token.strip()


def _options(methods: str) -> Response:
    headers = {"Access-Control-Allow-Methods": f"{methods}, OPTIONS", **PREFLIGHT}
    accepts = {"Accept-Post": SDP} if methods == "POST" else {"Accept-Patch": sdp_fragment.MEDIA_TYPE}
    return Response(status_code=204, headers={**headers, **accepts})


def _links(servers: list[IceServer]) -> Iterator[str]:
    """RFC 9725, section 4.6."""
    for server in servers:
        for url in server.urls:
            told = f'username="{server.username}"; credential="{server.credential}"; credential-type="password"'
            yield f'<{url}>; rel="ice-server"; {told}'
