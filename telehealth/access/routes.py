"""The ways in: signing in, tokens, integrations, grants."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from starlette.responses import JSONResponse, Response

from telehealth.access import queries, service, tokens
from telehealth.access.authentication import sign_in
from telehealth.access.rules import (
    SCOPES,
    Everyone,
    Grant,
    Integration,
    Opened,
    TooManyTries,
    UnfitGrant,
    UnfitKeys,
    WrongCredentials,
    local_path,
)
from telehealth.access.schemas import (
    AddIntegration,
    GiveGrant,
    GrantQuery,
    GrantView,
    IntegrationView,
    ListQuery,
    MeView,
    SessionView,
    SignIn,
    SignInForm,
    SmartConfiguration,
    TokenAnswer,
    TokenError,
    TokenRequest,
)
from telehealth.access.service import Issued
from telehealth.core.actors import Purpose, Role, Scope
from telehealth.core.errors import NotAllowed, NotFound
from telehealth.core.ids import GrantId, IntegrationId, PatientId
from telehealth.http.call import Call, Reply
from telehealth.http.credentials import STAFF_COOKIE, clear_cookie, set_cookie
from telehealth.http.operation import PUBLIC, Documented, operation, page
from telehealth.http.schemas import Page

TOKEN_PATH = "/oauth/token"  # noqa: S105 -- an address
Thing = TypeVar("Thing", Integration, Grant)
View = TypeVar("View")

# Sessions


async def open_session(call: Call, body: SignIn) -> Reply[SessionView]:
    """Sign in with email and password; the session is in the cookie of the answer."""
    opened = await _signed_in(call, body)
    carrier = Response()
    set_cookie(carrier, STAFF_COOKIE, opened.secret, max_age=opened.max_age)
    return Reply(SessionView(expires_in=opened.max_age), headers={"Set-Cookie": carrier.headers["set-cookie"]})


async def close_session(call: Call) -> Response:
    """Sign out: the session ends here, not only in the browser."""
    return await _signed_out(call, Response(status_code=204))


async def me(call: Call) -> MeView:
    """Who is signed in, and what they may do."""
    account, name = await call.run(queries.own_account)
    return MeView(
        id=account.id,
        role=account.role,
        name=name,
        person_id=account.person_id,
        scopes=sorted(call.actor.scopes),
    )


async def sign_in_page(call: Call) -> Response:
    """The form to sign in with."""
    asked = call.request.query_params.get("next", "/")
    return call.render("sign_in.html", email="", next=local_path(asked), error=None)


async def submit_sign_in(call: Call, body: SignInForm) -> Response:
    """Sign in and go on to where one was headed."""
    going_to = local_path(body.next)
    try:
        opened = await _signed_in(call, body)
    except WrongCredentials:
        return call.render("sign_in.html", status=401, email=body.email, next=going_to, error="credentials")
    except TooManyTries:
        return call.render("sign_in.html", status=429, email=body.email, next=going_to, error="locked")
    response = call.redirect(going_to)
    set_cookie(response, STAFF_COOKIE, opened.secret, max_age=opened.max_age)
    return response


async def submit_sign_out(call: Call) -> Response:
    """Sign out, whether or not the session still holds."""
    return await _signed_out(call, call.redirect("/sign-in"))


async def _signed_in(call: Call, body: SignIn) -> Opened:
    held = call.request.cookies.get(STAFF_COOKIE)
    password = body.password.get_secret_value()
    return await sign_in(call.kit.unit_of_work, email=body.email, password=password, replaces=held)


async def _signed_out(call: Call, response: Response) -> Response:
    secret = call.request.cookies.get(STAFF_COOKIE)
    if secret is not None:
        await call.run(service.sign_out, secret)
    clear_cookie(response, STAFF_COOKIE)
    return response


# Tokens


async def token(call: Call, body: TokenRequest) -> Response:
    """A token for an integration: client credentials, proved by a signed assertion (SMART Backend Services)."""
    asked = tokens.Asked(**body.model_dump())
    result = await tokens.answer(call.kit.unit_of_work, asked, audience=call.kit.public_url + TOKEN_PATH)
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}  # RFC 6749, section 5.1
    if isinstance(result, Issued):
        issued = TokenAnswer(access_token=result.secret, expires_in=result.seconds, scope=result.scope)
        return JSONResponse(issued.model_dump(), headers=headers)
    refused = TokenError(error=result.error, error_description=result.description)
    if result.error != "invalid_client":
        return JSONResponse(refused.model_dump(), 400, headers)
    return JSONResponse(refused.model_dump(), 401, headers | {"WWW-Authenticate": 'Bearer realm="telehealth"'})


async def smart_configuration(call: Call) -> SmartConfiguration:
    """How to get a token, for programs."""
    return SmartConfiguration(
        token_endpoint=call.kit.public_url + TOKEN_PATH,
        token_endpoint_auth_methods_supported=["private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported=list(tokens.ALGORITHMS),
        grant_types_supported=[tokens.GRANT_TYPE],
        scopes_supported=sorted(SCOPES[Role.INTEGRATION]),
        code_challenge_methods_supported=["S256"],  # required of every server, also of one without a code flow
        capabilities=["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    )


async def fhir_smart_configuration(call: Call) -> SmartConfiguration:
    """The same at the FHIR base address, where SMART App Launch 2.2, section 8.1 looks for it."""
    return await smart_configuration(call)


# Integrations and grants


async def add_integration(call: Call, body: AddIntegration) -> IntegrationView:
    """Register an integration with its public keys; it may use nothing until a grant says so."""
    jwks = tokens.public_keys(body.jwks.model_dump())
    added = await call.run(service.add_integration, name=body.name, scopes=body.scopes, jwks=jwks)
    return IntegrationView.of(added)


async def list_integrations(call: Call, query: ListQuery) -> Page[IntegrationView]:
    """Integrations, the oldest first."""
    found = await call.run(queries.integrations, after=query.after, limit=query.limit + 1)
    return _page(found, query.limit, IntegrationView.of)


async def give_grant(call: Call, body: GiveGrant) -> GrantView:
    """Let an integration use data, on the authority of whoever is signed in."""
    named = body.patients
    given = await call.run(
        service.grant,
        integration_id=IntegrationId(body.integration_id),
        purpose=body.purpose,
        data_kinds=set(body.data_kinds),
        patients=named if isinstance(named, Everyone) else frozenset(map(PatientId, named)),
        valid_from=body.valid_from,
        valid_until=body.valid_until,
    )
    return GrantView.of(given)


async def list_grants(call: Call, query: GrantQuery) -> Page[GrantView]:
    """Grants, the oldest first; the ended and revoked ones too."""
    found = await call.run(
        queries.grants, integration_id=query.integration_id, after=query.after, limit=query.limit + 1
    )
    return _page(found, query.limit, GrantView.of)


async def revoke_grant(call: Call, grant: UUID) -> None:
    """Take a grant back: it holds no longer, from the next read on."""
    await call.run(service.revoke_grant, GrantId(grant))


def _page(found: Sequence[Thing], limit: int, view: Callable[[Thing], View]) -> Page[View]:
    shown = found[:limit]
    return Page(items=[view(each) for each in shown], next=str(shown[-1].id) if len(found) > limit else None)


ADMINISTER = Purpose.SYSTEM_ADMINISTRATION
OPERATIONS = (
    operation("POST", "/v1/sessions", open_session, needs=PUBLIC, errors=(WrongCredentials, TooManyTries)),
    operation("DELETE", "/v1/sessions/current", close_session, needs=Scope.SELF, status=204),
    operation("GET", "/v1/me", me, needs=Scope.SELF, errors=(NotFound,)),
    operation(
        "POST",
        TOKEN_PATH,
        token,
        needs=PUBLIC,
        form=True,
        answers=(
            Documented(200, shape=TokenAnswer),
            Documented(400, shape=TokenError),
            Documented(401, shape=TokenError),
        ),
    ),
    operation("GET", "/.well-known/smart-configuration", smart_configuration, needs=PUBLIC),
    operation("GET", "/fhir/.well-known/smart-configuration", fhir_smart_configuration, needs=PUBLIC),
    operation(
        "POST",
        "/v1/integrations",
        add_integration,
        needs=Scope.INTEGRATIONS_WRITE,
        purpose=ADMINISTER,
        status=201,
        errors=(UnfitKeys, NotAllowed),
    ),
    operation("GET", "/v1/integrations", list_integrations, needs=Scope.INTEGRATIONS_WRITE, purpose=ADMINISTER),
    operation(
        "POST",
        "/v1/grants",
        give_grant,
        needs=Scope.INTEGRATIONS_WRITE,
        purpose=ADMINISTER,
        status=201,
        errors=(UnfitGrant, NotAllowed, NotFound),
    ),
    operation("GET", "/v1/grants", list_grants, needs=Scope.INTEGRATIONS_WRITE, purpose=ADMINISTER),
    operation(
        "DELETE",
        "/v1/grants/{grant:uuid}",
        revoke_grant,
        needs=Scope.INTEGRATIONS_WRITE,
        purpose=ADMINISTER,
        status=204,
    ),
)
PAGES = (
    page("GET", "/sign-in", sign_in_page, needs=PUBLIC),
    page("POST", "/sign-in", submit_sign_in, needs=PUBLIC),
    page("POST", "/sign-out", submit_sign_out, needs=PUBLIC),
)
