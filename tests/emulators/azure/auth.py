"""Who calls: tokens given out over TLS, the bearer of each call, and what roles let whom do."""

from __future__ import annotations

import base64
import hmac
import json
import time
import uuid
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .routing import Route
from .wire import ArmError, Call, Caller, Reply

if TYPE_CHECKING:
    from .cloud import Cloud

TENANT = "11111111-1111-4111-8111-111111111111"
REHEARSAL = "rehearsal"
"""A token for who has no account: `rehearsal`, or `rehearsal-ana` to be Ana. Both own everything."""

AUDIENCES = ("https://management.azure.com", "https://management.core.windows.net")

_SPACE = uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")


class Directory:
    """People, programs and machines of one tenant. `owners` may do everything; the others need role assignments."""

    def __init__(self, tenant: str = TENANT) -> None:
        self.tenant = tenant
        self.owners: set[str] = set()
        self.programs: dict[str, tuple[str, Caller]] = {}
        """Client id -> secret and who that is."""
        self._people: dict[str, Caller] = {}
        self._expired = 0.0
        self.signed_out = False
        self.address = "127.0.0.1"
        """Where people call from, as the cloud sees it."""

    def person(self, name: str, *, owner: bool = True) -> Caller:
        found = self._people.setdefault(name, Caller(name, str(uuid.uuid5(_SPACE, name))))
        if owner:
            self.owners.add(found.object_id)
        return found

    def program(self, client: str, secret: str, *, owner: bool = True) -> Caller:
        """An application that signs in with its secret; its object id differs from its client id."""
        found = Caller(client, str(uuid.uuid5(_SPACE, client)), "ServicePrincipal")
        self.programs[client] = (secret, found)
        if owner:
            self.owners.add(found.object_id)
        return found

    def token(self, caller: Caller, audience: str = "https://management.azure.com/", lasts: float = 3600) -> str:
        """A token as tokens look; real time counts for it, since who keeps it counts so."""
        now = int(time.time())
        claims = {
            "aud": audience, "iss": f"https://sts.windows.net/{self.tenant}/", "tid": self.tenant, "iat": now,
            "nbf": now, "exp": now + int(lasts), "oid": caller.object_id, "sub": caller.object_id,
            "jti": uuid.uuid4().hex, "name": caller.name, "made": time.time(),
            "idtyp": "user" if caller.kind == "User" else "app",
        }  # fmt: skip
        if caller.kind == "User":
            claims |= {"upn": f"{caller.name}@rehearsal.example", "ipaddr": self.address}
        else:
            claims["appid"] = caller.name
        parts = [{"typ": "JWT", "alg": "HS256", "kid": "emulator"}, claims]
        text = ".".join(_segment(json.dumps(part).encode()) for part in parts)
        return f"{text}.{_signature(text)}"

    def expire(self) -> None:
        """All tokens given out so far have run out."""
        self._expired = time.time()

    def bearer(self, header: str) -> Caller:
        """Whose token it is; 401 with what Azure says of how to get one."""
        kind, _, text = header.partition(" ")
        if not text or kind.lower() != "bearer":
            raise self._challenge(
                "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
            )
        if text == REHEARSAL or text.startswith(f"{REHEARSAL}-"):
            if self.signed_out:
                raise self._challenge("ExpiredAuthenticationToken", "The access token has expired.")
            return self.person(text.removeprefix(f"{REHEARSAL}-"))
        signed, _, signature = text.rpartition(".")
        if not signed or signature != _signature(signed):
            raise self._challenge("InvalidAuthenticationToken", "The access token is invalid.")
        claims = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
        if claims["aud"].rstrip("/") not in AUDIENCES:
            raise self._challenge(
                "InvalidAuthenticationToken", "The access token has been obtained for wrong audience."
            )
        if claims["exp"] < time.time() or claims["made"] <= self._expired or self.signed_out:
            raise self._challenge("ExpiredAuthenticationToken", "The access token expiry UTC time is in the past.")
        return Caller(claims["name"], claims["oid"], "User" if claims["idtyp"] == "user" else "ServicePrincipal")

    def _challenge(self, code: str, message: str) -> ArmError:
        where = f"https://login.microsoftonline.com/{self.tenant}"
        challenge = f'Bearer authorization_uri="{where}", error="invalid_token", error_description="{message}"'
        return ArmError(401, code, message, headers={"WWW-Authenticate": challenge})


def allow(cloud: Cloud, caller: Caller, action: str, scope: str) -> None:
    """403 unless a role of theirs allows it at the scope or above."""
    if (caller.object_id in cloud.directory.owners and not cloud.is_denied(action)) or _granted(
        cloud, caller, action, scope
    ):
        return
    raise ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{caller.name}' with object id '{caller.object_id}' does not have authorization to perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your "
        "credentials.",
        headers={"x-ms-failure-cause": "gateway"},
    )


def _granted(cloud: Cloud, caller: Caller, action: str, scope: str) -> bool:
    for assignment in cloud.store.of_kind("Microsoft.Authorization/roleAssignments"):
        role = assignment.properties
        if role["principalId"] != caller.object_id or not _covers(role["scope"], scope):
            continue
        if assignment.made + cloud.settings.role_delay > cloud.now():
            continue
        for permission in cloud.role(role["roleDefinitionId"])["permissions"]:
            if _matches(permission["actions"], action) and not _matches(permission["notActions"], action):
                return True
    return False


def _covers(granted: str, scope: str) -> bool:
    return f"{scope.lower()}/".startswith(f"{granted.lower().rstrip('/')}/")


def _matches(patterns: list[str], action: str) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def _signature(text: str) -> str:
    """With a key that everybody knows, so that a token outlives the process that gave it."""
    return _segment(hmac.digest(b"emulator", text.encode(), "sha256"))


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def discover(cloud: Cloud, call: Call) -> Reply:
    where = f"{call.base}/{call['tenant']}"
    found = {
        "token_endpoint": f"{where}/oauth2/v2.0/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{where}/v2.0",
        "authorization_endpoint": f"{where}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{where}/oauth2/v2.0/devicecode",
        "end_session_endpoint": f"{where}/oauth2/v2.0/logout",
        "jwks_uri": f"{where}/discovery/v2.0/keys",
        "tenant_region_scope": "NA",
    }
    return Reply(200, found)


def discover_instance(cloud: Cloud, call: Call) -> Reply:
    where = f"{call.base}/{cloud.directory.tenant}/v2.0/.well-known/openid-configuration"
    host = call.base.partition("://")[2]
    metadata = [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}]
    return Reply(200, {"tenant_discovery_endpoint": where, "api-version": "1.1", "metadata": metadata})


def authorize(cloud: Cloud, call: Call) -> Reply:
    """The page on which people sign in: everybody who comes here is somebody, and is sent back at once."""
    asked = call.query
    answer = urlencode({"code": f"code.{asked.get('nonce', '')}", "state": asked.get("state", "")})
    return Reply(302, None, {"Location": f"{asked['redirect_uri']}?{answer}"})


def give_token(cloud: Cloud, call: Call) -> Reply:
    """The token endpoint: programs with their secret, people by device code or a token to refresh."""
    form = call.body if isinstance(call.body, dict) else {}
    directory = cloud.directory
    if directory.signed_out:
        return _refused("AADSTS700082: The refresh token has expired due to inactivity.")
    if form.get("grant_type") == "client_credentials":
        secret, caller = directory.programs.get(form.get("client_id", ""), ("", Caller("", "")))
        if not secret or form.get("client_secret") != secret:
            return _refused("AADSTS7000215: Invalid client secret provided.", "invalid_client", 401)
    else:
        caller = directory.person(REHEARSAL)
    scope = str(form.get("scope", "")).split()
    resource = next((one.removesuffix(".default") for one in scope if "://" in one), "https://management.azure.com/")
    token: dict[str, Any] = {
        "token_type": "Bearer", "expires_in": 3600, "ext_expires_in": 3600,
        "access_token": directory.token(caller, resource),
    }  # fmt: skip
    if caller.kind == "User":
        nonce = str(form.get("code", "")).partition(".")[2]
        own = _identity(directory, caller, {"nonce": nonce} if nonce else {})
        token |= {"refresh_token": uuid.uuid4().hex, "scope": form.get("scope", ""), **own}
    return Reply(200, token)


def give_code(cloud: Cloud, call: Call) -> Reply:
    words = f"To sign in, open the page {call.base}/device and enter the code REHEARSE to authenticate."
    found = {"user_code": "REHEARSE", "device_code": uuid.uuid4().hex, "verification_uri": f"{call.base}/device"}
    return Reply(200, {**found, "expires_in": 900, "interval": 1, "message": words})


def _identity(directory: Directory, caller: Caller, more: dict[str, str]) -> dict[str, str]:
    claims = {**more, "oid": caller.object_id, "tid": directory.tenant, "sub": caller.object_id, "aud": "client",
              "iss": f"https://login.microsoftonline.com/{directory.tenant}/v2.0",
              "preferred_username": f"{caller.name}@rehearsal.example", "exp": int(time.time()) + 3600}  # fmt: skip
    info = {"uid": caller.object_id, "utid": directory.tenant}
    header = _segment(b'{"alg":"none"}')
    return {
        "id_token": f"{header}.{_segment(json.dumps(claims).encode())}.",
        "client_info": _segment(json.dumps(info).encode()),
    }


def _refused(words: str, error: str = "invalid_grant", status: int = 400) -> Reply:
    return Reply(status, {"error": error, "error_description": words, "error_codes": [int(words[6:].split(":")[0])]})


ROUTES = (
    Route("token.discover", "GET", "/{tenant}/v2.0/.well-known/openid-configuration", discover, True, False),
    Route("token.instance", "GET", "/common/discovery/instance", discover_instance, True, False),
    Route("token.give", "POST", "/{tenant}/oauth2/v2.0/token", give_token, True, False),
    Route("token.authorize", "GET", "/{tenant}/oauth2/v2.0/authorize", authorize, True, False),
    Route("token.code", "POST", "/{tenant}/oauth2/v2.0/devicecode", give_code, True, False),
)
