"""`telehealth token`: what an integration does to get an access token, in one command (SMART Backend Services)."""

import asyncio
import json
from pathlib import Path

from telehealth.cli.errors import CannotStart
from telehealth.core.time import SystemClock
from telehealth.records.delivery.backend_services import BackendServices, TokenAway, TokenRefused, read_key
from telehealth.tasks.outbound import open_client


def fetch_token(credential: Path) -> str:
    """An access token for the client in a credential file: JSON of fhir_url, client_id, scope, private_key (JWK)."""
    try:
        told = json.loads(credential.read_text())
        return asyncio.run(_fetch(told["fhir_url"], told["client_id"], told["scope"], json.dumps(told["private_key"])))
    except OSError as error:
        raise CannotStart(f"{credential}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise CannotStart(f"{credential} is not a credential file") from None
    except TokenRefused as refused:
        raise CannotStart(f"The server does not accept this client ({refused.status})") from None
    except TokenAway:
        raise CannotStart("The server did not answer; is it running?") from None


async def _fetch(fhir_url: str, client_id: str, scope: str, private_key: str) -> str:
    async with open_client() as outbound:
        services = BackendServices(
            outbound, fhir_url, client_id=client_id, key=read_key(private_key), clock=SystemClock(), scopes=scope
        )
        return await services.token()
