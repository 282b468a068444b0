"""Credentials for TURN servers: draft-uberti-behave-turn-rest-00, which coturn calls `use-auth-secret`."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from uuid import UUID

from telehealth.video.ports import IceServers
from telehealth.video.schemas import IceServer

LIFE = timedelta(minutes=5)
CHECK_LIFE = timedelta(minutes=1)  # for whoever asks
RENEW_AFTER = timedelta(minutes=3)


def ice_servers(servers: IceServers, holder: UUID, now: datetime, *, life: timedelta = LIFE) -> list[IceServer]:
    """What goes into RTCConfiguration.iceServers for this person; empty when no TURN server is configured."""
    if not servers.urls or servers.secret is None:
        return []
    username = f"{int((now + life).timestamp())}:{holder}"
    digest = hmac.digest(servers.secret.encode(), username.encode(), hashlib.sha1)
    return [IceServer(urls=list(servers.urls), username=username, credential=base64.b64encode(digest).decode())]
