"""Who asks Azure: whatever sign-in the person has already, and a browser or a code only where a person can be asked.

The order is ez's own and not `DefaultAzureCredential`'s: a machine that ez made has an identity which may do nothing
but stop it, so the identity of the machine comes after a person's sign-in on it.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ez.errors import ConfigError

_EARLY_SECONDS = 300
_CLI_SECONDS = 20

Ask = Callable[[str], None]
"""Shows one sentence to the person; there only where somebody is at a terminal."""


class Remembered:
    """A credential that is asked once, whatever it says: az takes a second for each token, a person longer."""

    def __init__(self, credential: Any) -> None:
        self._credential = credential
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, ...], Any] = {}
        self._refusal: Exception | None = None

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """azure.core's `AccessToken`. Raises azure.core's ClientAuthenticationError."""
        with self._lock:
            known = self._tokens.get(scopes)
            if known is None or options.get("claims") or known.expires_on - time.time() < _EARLY_SECONDS:
                known = self._tokens[scopes] = self._ask(scopes, options)
            return known

    def _ask(self, scopes: tuple[str, ...], options: dict[str, Any]) -> Any:
        if self._refusal:
            raise self._refusal
        try:
            return self._credential.get_token(*scopes, **options)
        except Exception as error:
            self._refusal = error
            raise


class Person:
    """Asks in the browser, or for a code where there is none, and then not again: the SDK keeps the tokens in the
    system's key store, `record` (a file) who it was, which is no secret. Without a key store nothing is kept."""

    def __init__(self, tenant: str, ask: Ask, record: Path, options: Mapping[str, Any]) -> None:
        self._tenant = tenant
        self._ask = ask
        self._record = record
        self._options = options

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """azure.core's `AccessToken`. Raises azure.core's ClientAuthenticationError."""
        from azure.core.exceptions import ClientAuthenticationError
        from azure.identity import CredentialUnavailableError, DeviceCodeCredential, InteractiveBrowserCredential

        settings = self._settings()
        known = "authentication_record" in settings
        try:
            if known or _has_browser():
                if not known:
                    self._ask("Sign in to Azure in the browser that opens now")
                return self._token(InteractiveBrowserCredential(timeout=120, **settings), scopes, options)
        except CredentialUnavailableError:
            pass
        except ClientAuthenticationError as error:
            if "Timed out" not in str(error):  # Nobody has seen the browser, as on another computer's screen.
                raise
        return self._token(DeviceCodeCredential(prompt_callback=self._prompt, **settings), scopes, options)

    def _settings(self) -> dict[str, Any]:
        from azure.identity import AuthenticationRecord, TokenCachePersistenceOptions

        settings = {**self._options, **({"tenant_id": self._tenant} if self._tenant else {})}
        if not _has_key_store():
            return settings
        settings["cache_persistence_options"] = TokenCachePersistenceOptions(name="ez")
        try:
            settings["authentication_record"] = AuthenticationRecord.deserialize(self._record.read_text())
        except (OSError, ValueError):
            pass
        return settings

    def _token(self, credential: Any, scopes: tuple[str, ...], options: dict[str, Any]) -> Any:
        if _has_key_store() and not self._record.exists():
            self._record.write_text(credential.authenticate(scopes=scopes).serialize())
        return credential.get_token(*scopes, **options)

    def _prompt(self, address: str, code: str, _expires: object) -> None:
        self._ask(f"To sign in to Azure open {address} and enter the code {code}")


def credential(
    tenant: str, account: str, ask: Ask | None, record: Path, *, authority: str = "", elsewhere: bool = False
) -> Remembered:
    """The chain: environment, az, azd, the identity of the machine or its workload; then, with `ask`, the person.

    `authority` is the directory's address, empty for the usual one; `elsewhere` is a cloud that Microsoft's directory
    does not know, so that it is not asked about it. Raises ConfigError for variables that cannot be used.
    """
    for name in ("azure", "msal"):
        logging.getLogger(name).addHandler(logging.NullHandler())  # What they have to say is in the errors they raise.
    from azure.identity import (
        AzureCliCredential,
        AzureDeveloperCliCredential,
        ChainedTokenCredential,
        EnvironmentCredential,
    )

    options: dict[str, Any] = {"disable_instance_discovery": True} if elsewhere else {}
    options |= {"authority": authority} if authority else {}
    chosen = None if tenant else account or None
    try:
        chain: list[Any] = [
            EnvironmentCredential(**options),
            AzureCliCredential(tenant_id=tenant, subscription=chosen, process_timeout=_CLI_SECONDS),
            AzureDeveloperCliCredential(tenant_id=tenant, process_timeout=_CLI_SECONDS),
            *_of_machine(),
        ]
    except ValueError as error:
        what = f"the sign-in to Azure of your environment cannot be used: {str(error).splitlines()[0]}"
        raise ConfigError(what, "look at the variables that begin with AZURE_") from error
    return Remembered(ChainedTokenCredential(*chain, *([Person(tenant, ask, record, options)] if ask else ())))


def _of_machine() -> tuple[Any, ...]:
    """Of `DefaultAzureCredential` only what a machine is given: it knows which variables say that, and which name an
    identity that was made by somebody and is not the machine's own."""
    from azure.identity import DefaultAzureCredential

    others = ("environment", "shared_token_cache", "visual_studio_code", "cli", "developer_cli", "powershell", "broker")
    excluded = {f"exclude_{name}_credential": True for name in others}
    wanted = {f"exclude_{name}_credential": False for name in ("workload_identity", "managed_identity")}
    return tuple(DefaultAzureCredential(**excluded, **wanted).credentials)


def caller_address(token: str) -> str:
    """The IPv4 address that Azure saw when the person signed in (claim `ipaddr`), empty where the token has none.

    Source of the claim: learn.microsoft.com/entra/identity-platform/access-token-claims-reference. It is only read:
    whether the token is good is for Azure to say.
    """
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return str(ipaddress.IPv4Address(claims["ipaddr"]))
    except (IndexError, KeyError, TypeError, ValueError):
        return ""


def _has_browser() -> bool:
    import webbrowser

    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def _has_key_store() -> bool:
    try:
        from msal_extensions import build_encrypted_persistence

        build_encrypted_persistence("ez")
    except Exception:  # Each system has its own way of not having one.
        return False
    return True
