"""What signing in, integrations and grants look like on the wire."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, SecretStr

from telehealth.access.rules import DataKind, Everyone, Grant, Integration
from telehealth.core.actors import Purpose, Role, Scope
from telehealth.http.schemas import Instant, Message

Email = Annotated[str, Field(min_length=3, max_length=254)]
Limit = Annotated[int, Field(ge=1, le=100)]


class SignIn(Message):
    """An email and a password."""

    email: Email
    password: Annotated[SecretStr, Field(min_length=1, max_length=256)]


class SignInForm(SignIn):
    """The same as a form, with the path to go on to."""

    next: Annotated[str, Field(max_length=2048)] = "/"


class SessionView(Message):
    """The session is in the cookie; it ends after so many seconds."""

    expires_in: int


class MeView(Message):
    """Who is signed in, and what they may do."""

    id: UUID
    role: Role
    name: str
    person_id: UUID | None
    scopes: list[Scope]


class TokenRequest(Message):
    """RFC 6749, section 4.4.2. Unknown parameters are ignored (section 3.2); missing ones get the errors of 5.2."""

    model_config = ConfigDict(extra="ignore")

    grant_type: str | None = None
    scope: str | None = None
    client_assertion_type: str | None = None
    client_assertion: str | None = None
    client_id: str | None = None


class TokenAnswer(Message):
    """RFC 6749, section 5.1."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 -- the name of a kind of token
    expires_in: int
    scope: str


class TokenError(Message):
    """RFC 6749, section 5.2."""

    error: str
    error_description: str


class SmartConfiguration(Message):
    """SMART App Launch 2.2, section 8.2: what a client finds before it asks for a token."""

    token_endpoint: str
    token_endpoint_auth_methods_supported: list[str]
    token_endpoint_auth_signing_alg_values_supported: list[str]
    grant_types_supported: list[str]
    scopes_supported: list[str]
    code_challenge_methods_supported: list[str]
    capabilities: list[str]


class JwkSet(Message):
    """Public keys (RFC 7517), for ES384 or RS384, each with a `kid`."""

    keys: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=10)]


class AddIntegration(Message):
    """A program that will ask for data on its own."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20)]
    jwks: JwkSet


class IntegrationView(Message):
    """`id` is the client id."""

    id: UUID
    name: str
    scopes: list[Scope]
    added_at: Instant
    disabled_at: Instant | None

    @classmethod
    def of(cls, integration: Integration) -> "IntegrationView":
        return cls(
            id=integration.id,
            name=integration.name,
            scopes=sorted(integration.scopes),
            added_at=integration.added_at,
            disabled_at=integration.disabled_at,
        )


Named = Annotated[list[UUID], Field(min_length=1, max_length=1000)]


class GiveGrant(Message):
    """Let an integration use kinds of data of some patients, or of everyone, for one purpose, until a time."""

    integration_id: UUID
    purpose: Purpose
    data_kinds: Annotated[list[DataKind], Field(min_length=1, max_length=10)]
    patients: Everyone | Named
    valid_from: Instant | None = None
    valid_until: Instant


class GrantView(Message):
    """`approved_by` is the account of the person who allowed it."""

    id: UUID
    integration_id: UUID
    purpose: Purpose
    data_kinds: list[DataKind]
    patients: Everyone | list[UUID]
    valid_from: Instant
    valid_until: Instant
    approved_by: UUID
    revoked_at: Instant | None

    @classmethod
    def of(cls, grant: Grant) -> "GrantView":
        return cls(
            id=grant.id,
            integration_id=grant.integration_id,
            purpose=grant.purpose,
            data_kinds=sorted(grant.data_kinds),
            patients=grant.patients if isinstance(grant.patients, Everyone) else sorted(grant.patients),
            valid_from=grant.valid_from,
            valid_until=grant.valid_until,
            approved_by=grant.approved_by,
            revoked_at=grant.revoked_at,
        )


class ListQuery(Message):
    """Lists are in order of creation; `after` is the `next` of the page before."""

    after: UUID | None = None
    limit: Limit = 100


class GrantQuery(ListQuery):
    """All grants, or those of one integration."""

    integration_id: UUID | None = None
