"""Registry credentials and tokens for the engine. Nothing of them is kept, here or there.

Where a registry uses tokens and can be reached from this computer, the engine gets tokens only: it asks for an
authority (a public key that stands for these credentials), then for tokens by scope. A registry that takes passwords
alone, or that only the engine reaches, leaves no other way than to hand the credentials over.

The key is made as the official client makes its own: HMAC-SHA256 over a seed that stays here, keyed by the engine's
salt, is the seed of an Ed25519 key, and a challenge is answered with the signature followed by the challenge.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError

from ez.build.buildkit.messages import auth
from ez.build.buildkit.session.credentials import ANONYMOUS, HUB, Credentials, find_credentials
from ez.build.buildkit.session.tokens import Challenge, Refused, Registries
from ez.models import Network

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SEED_BYTES = 32


class Auth:
    """`config` is Docker's config file, `registries` are the hosts that the build reads and writes images at.

    An engine may ask for any registry and may be somebody else's, so that it gets the credentials of those alone.
    `network` is how token servers are reached. The seed lasts as long as this value, so that no build of anybody is
    let use the tokens of another one.
    """

    def __init__(self, config: Path, registries: Collection[str], *, network: Network = Network()) -> None:
        self._config = config
        self._registries = registries
        self._servers = Registries(network)
        self._seed = secrets.token_bytes(_SEED_BYTES)
        self._asked: dict[str, asyncio.Task[tuple[Credentials, Challenge | None]]] = {}

    def methods(self) -> dict[str, Handler]:
        made = {
            "Credentials": (self._credentials, auth.CredentialsRequest, auth.CredentialsResponse),
            "FetchToken": (self._fetch_token, auth.FetchTokenRequest, auth.FetchTokenResponse),
            "GetTokenAuthority": (self._authority, auth.GetTokenAuthorityRequest, auth.GetTokenAuthorityResponse),
            "VerifyTokenAuthority": (
                self._verify_authority,
                auth.VerifyTokenAuthorityRequest,
                auth.VerifyTokenAuthorityResponse,
            ),
        }
        return {
            f"/moby.filesync.v1.Auth/{name}": Handler(handler, Cardinality.UNARY_UNARY, *messages)
            for name, (handler, *messages) in made.items()
        }

    async def _credentials(self, stream: Any) -> None:
        """Also asked by engines that know nothing of tokens made here; who has asked for those gets no password."""
        request = await stream.recv_message()
        if request.host in self._asked:
            found, challenge = await self._asked[request.host]
            username, secret = found if challenge is None else ANONYMOUS
        else:
            username, secret = await self._find(request.host)
        await stream.send_message(auth.CredentialsResponse(username=username, secret=secret))

    async def _authority(self, stream: Any) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        request = await stream.recv_message()
        public = (await self._key(request.host, request.salt)).public_key()
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        await stream.send_message(auth.GetTokenAuthorityResponse(public_key=raw))

    async def _verify_authority(self, stream: Any) -> None:
        request = await stream.recv_message()
        signature = (await self._key(request.host, request.salt)).sign(request.payload)
        await stream.send_message(auth.VerifyTokenAuthorityResponse(signed=signature + request.payload))

    async def _fetch_token(self, stream: Any) -> None:
        request = await stream.recv_message()
        credentials, challenge = await self._known(request.host)
        if challenge is None or request.realm != challenge.realm:
            raise GRPCError(
                Status.PERMISSION_DENIED,
                f"authorization failed: not where {request.host} gives tokens: {request.realm}",
            )
        try:
            token = await asyncio.to_thread(self._servers.fetch, challenge, list(request.scopes), credentials)
        except Refused as error:
            raise GRPCError(Status.UNAUTHENTICATED, f"authorization failed: {error}") from None
        reply = auth.FetchTokenResponse(token=token.value, expires_in=token.seconds, issued_at=token.issued)
        await stream.send_message(reply)

    async def _find(self, host: str) -> Credentials:
        wanted = ("docker.io" if host == HUB else host) in self._registries
        return await find_credentials(self._config, host) if wanted else ANONYMOUS

    async def _known(self, host: str) -> tuple[Credentials, Challenge | None]:
        """The credentials for a registry and where it gives tokens, found out once."""
        if host not in self._asked:
            self._asked[host] = asyncio.ensure_future(self._find_out(host))
        return await asyncio.shield(self._asked[host])

    async def _find_out(self, host: str) -> tuple[Credentials, Challenge | None]:
        if ("docker.io" if host == HUB else host) not in self._registries:
            return ANONYMOUS, None
        credentials = await self._find(host)
        return credentials, await asyncio.to_thread(self._servers.challenge, host)

    async def _key(self, host: str, salt: bytes) -> Ed25519PrivateKey:
        """For anonymous use, and where tokens cannot be had here, the engine finds its own way."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        credentials, challenge = await self._known(host)
        if challenge is None or credentials == ANONYMOUS:
            raise GRPCError(Status.UNIMPLEMENTED, f"no tokens are made here for {host}")
        own = hmac.digest(self._seed, "\0".join((host, *credentials)).encode(), hashlib.sha256)
        return Ed25519PrivateKey.from_private_bytes(hmac.digest(salt, own, hashlib.sha256))
