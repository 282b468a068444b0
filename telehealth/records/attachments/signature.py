"""AWS Signature Version 4 of one request, as every S3-compatible storage checks it. Pure."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credential:
    key_id: str
    secret: str
    region: str


def signed(
    method: str, url: str, credential: Credential, *, headers: Mapping[str, str], content: bytes, at: datetime
) -> Mapping[str, str]:
    """The headers to send: those given, the hash of the content, the time, and the signature of it all.

    The address has no query. Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header".
    """
    moment, digest = f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}", hashlib.sha256(content).hexdigest()
    parts = urlsplit(url)
    told = {name.lower(): value.strip() for name, value in headers.items()}
    told |= {"host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": moment}
    names = ";".join(sorted(told))
    lines = "".join(f"{name}:{told[name]}\n" for name in sorted(told))
    canonical = "\n".join((method, quote(unquote(parts.path), safe="/-_.~"), "", lines, names, digest))
    scope = f"{moment[:8]}/{credential.region}/s3/aws4_request"
    text = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    key = f"AWS4{credential.secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    told["authorization"] = (
        f"{ALGORITHM} Credential={credential.key_id}/{scope},SignedHeaders={names},Signature={signature}"
    )
    return told
