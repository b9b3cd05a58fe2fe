"""TLS towards an engine: the engine's certificate is always checked, its host name too."""

from __future__ import annotations

import ssl

from ez.build.engines.address import Address, Tls
from ez.errors import EngineError

_HOST_MISMATCH = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_REFUSALS = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE", "CERTIFICATE_EXPIRED")
"""Parts of OpenSSL's names for the alerts of a server that does not want the client's certificate, or lack of one."""


def client_context(tls: Tls, protocol: str) -> ssl.SSLContext:
    """For a connection that will speak `protocol` (its ALPN name). Raises EngineError for files that are no PEM."""
    context = ssl.create_default_context()
    context.set_alpn_protocols([protocol])
    try:
        if tls.authority is not None:
            context = ssl.create_default_context(cafile=tls.authority)
            context.set_alpn_protocols([protocol])
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key, password=_no_password)
    except OSError as error:
        raise _unreadable(tls, error) from error
    return context


def tls_error(address: Address, error: ssl.SSLError) -> EngineError:
    """What a failed handshake means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _HOST_MISMATCH:
            return EngineError(
                f"the engine's certificate is for another host: `{address}` ({error.verify_message})",
                "use the name that the certificate is for",
            )
        return EngineError(
            f"the engine's certificate is not to be trusted: `{address}` ({error.verify_message})",
            f"correct `ca.pem` in {_folder(address.tls)}",
        )
    if any(alert in (error.reason or "") for alert in _REFUSALS):
        return refused(address)
    return EngineError(f"no TLS with the engine: `{address}` ({error.reason})", "correct the address's port")


def refused(address: Address) -> EngineError:
    lacking = address.tls is None or address.tls.certificate is None
    what = "asks for a client certificate" if lacking else "does not accept the client certificate"
    return EngineError(
        f"the engine {what}: `{address}`", f"put the right `cert.pem` and `key.pem` in {_folder(address.tls)}"
    )


def _folder(tls: Tls | None) -> str:
    known = [path for path in (tls.authority, tls.certificate) if path is not None] if tls is not None else []
    return f"`{known[0].parent}`" if known else "the folder of `DOCKER_CERT_PATH`"


def _no_password() -> str:
    """Instead of asking on the terminal: no key here is read with one."""
    return ""


def _unreadable(tls: Tls, error: OSError) -> EngineError:
    names = ", ".join(f"`{path}`" for path in (tls.authority, tls.certificate, tls.key) if path is not None)
    return EngineError(
        f"the TLS files of the engine cannot be used: {names} ({error.strerror or error})",
        f"correct the files in {_folder(tls)}",
    )
