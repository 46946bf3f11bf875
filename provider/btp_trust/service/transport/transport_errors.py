"""Failures of the transport: network, proxy and TLS, each with its remedy.

Messages quote OpenSSL's reason and a proxy's status only: other texts of the transport may hold parts of the request.
"""

from __future__ import annotations

import re
import ssl
from http import HTTPStatus
from typing import Final

import httpx

from btp_trust.errors import ServiceUnavailable
from btp_trust.service.transport.request_progress import RequestProgress, RequestStage, progress_of

RETRY_HINT: Final = "Wait a little, then run the same command again."
_NOT_SENT_ERRORS: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""A ProxyError is a refused tunnel: the proxy saw only CONNECT."""
_STATUS: Final = re.compile(r"[1-5]\d\d\b")
_TRANSIENT_STATUSES: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_AUTHORITY_HINT: Final = (
    "Further authorities are added by `pulumi config set btp-trust:caBundle <path of a PEM "
    "file>`, or named all in the environment variable SSL_CERT_FILE; verification stays on."
)
_UNKNOWN_AUTHORITY: Final = frozenset({2, 18, 19, 20, 21, 24, 27})
_EXPIRED: Final = frozenset({9, 10})
_NAME_MISMATCH: Final = frozenset({62, 63, 64})
"""Of OpenSSL's X509_V_ERR_…: <openssl/x509_vfy.h>."""
_NOT_TLS: Final = re.compile(
    r"WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY_REQUEST|UNKNOWN_PROTOCOL|RECORD_LAYER|PACKET"
)
_VERSION_MISMATCH: Final = re.compile(r"PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|NO_PROTOCOLS")
_CLIENT_CERTIFICATE_REJECTED: Final = re.compile(r"ALERT_.*(?:CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED|HANDSHAKE_FAILURE)")


def transport_failure(request: httpx.Request, error: httpx.RequestError, what: str) -> ServiceUnavailable:
    """Classify a failure of the transport, and return the error for the user.

    Args:
        request: The request that failed.
        error: The exception of httpx.
        what: The request, named without its query, headers and body.
    """
    progress = progress_of(request)
    is_certainly_unsent = progress.is_certainly_unsent or isinstance(error, _NOT_SENT_ERRORS)
    tls = _find_tls_error(error)
    # In TLS 1.3 a server rejects the client's certificate after the handshake, when the request was sent.
    if tls is not None and (is_certainly_unsent or _CLIENT_CERTIFICATE_REJECTED.search(tls.reason or "")):
        return _tls_failed(progress, tls, what, is_certainly_unsent=is_certainly_unsent)
    if isinstance(error, httpx.ProxyError):
        return _tunnel_refused(request, progress, error, what)
    what, name = f"{what} got no answer.", type(error).__name__
    if is_certainly_unsent:
        return _not_connected(what, name, progress, request.url.host)
    why = "the time for a response is over" if isinstance(error, httpx.TimeoutException) else "no whole answer came"
    return ServiceUnavailable(what, f"{name}: {why}.", RETRY_HINT)


def _not_connected(what: str, name: str, progress: RequestProgress, host: str) -> ServiceUnavailable:
    """Return the error for a connection that failed before the request was sent."""
    if progress.stopped_at_proxy:
        return ServiceUnavailable(
            what,
            f"{name}: the proxy {progress.proxy} did not make the connection, so nothing was sent to the service.",
            f"Check HTTPS_PROXY and that this machine reaches {progress.proxy}, or name {progress.host} in NO_PROXY. "
            f"{RETRY_HINT}",
            not_sent=True,
        )
    is_handshake = progress.stage is RequestStage.TLS
    reason = "the connection ended during the TLS handshake" if is_handshake else "no connection was made"
    return ServiceUnavailable(
        what,
        f"{name}: {reason}, so nothing was sent.",
        f"Check that this machine reaches {host} (network, proxy, name service). If it does: "
        "wait a little, then run the same command again.",
        not_sent=True,
    )


def _find_tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """Find OpenSSL's error behind the transport's; skip that of a connection that merely ended."""
    # httpcore and httpx wrap the error, each once or more often.
    while error is not None:
        if isinstance(error, ssl.SSLError):
            # A handshake that broke off is repeated; other TLS failures are final until somebody corrects a setting.
            return None if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) else error
        error = error.__cause__ or error.__context__
    return None


def _tls_failed(
    progress: RequestProgress, error: ssl.SSLError, what: str, *, is_certainly_unsent: bool
) -> ServiceUnavailable:
    """Return the error for a failed TLS handshake. It is final: trying again helps only after a correction."""
    peer = f"the proxy {progress.proxy}" if progress.stopped_at_proxy else progress.host
    through = f" (through the proxy {progress.proxy})" if progress.proxy and not progress.stopped_at_proxy else ""
    why, remedy = (
        _explain_certificate(error) if isinstance(error, ssl.SSLCertVerificationError) else _explain_handshake(error)
    )
    return ServiceUnavailable(
        f"{what} {'was not sent' if is_certainly_unsent else 'got no answer'}: TLS with {peer}{through} failed.",
        why,
        f"{remedy} {_AUTHORITY_HINT}",
        not_sent=is_certainly_unsent,
        is_permanent=True,
    )


def _explain_certificate(error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    """Return why OpenSSL rejects a server's certificate, and the remedy."""
    code, reason = error.verify_code, error.verify_message.rstrip(".")
    evidence = f"Its certificate was rejected; OpenSSL says: {reason} ({code})."
    if code in _UNKNOWN_AUTHORITY:
        return evidence, (
            "If a proxy of your network looks into TLS, or the service has an authority of its own, add that "
            "authority; its administrators have the certificate."
        )
    if code in _EXPIRED:
        return evidence, "Check this machine's clock; if it is right, the operator of that server has to renew it."
    if code in _NAME_MISMATCH:
        return evidence, "Check the host in the service key, and where the name leads (name service, proxy)."
    return evidence, (
        "The operator of that server, or of the proxy that looks into TLS, has to issue a certificate that follows "
        "RFC 5280: Python 3.13 and later insist on it, Python 3.11 and 3.12 are lenient."
    )


def _explain_handshake(error: ssl.SSLError) -> tuple[str, str]:
    """Return why the TLS handshake failed, and the remedy."""
    reason = error.reason or "no reason"
    evidence = f"OpenSSL says: {reason}."
    if _CLIENT_CERTIFICATE_REJECTED.search(reason):
        return (
            f"{evidence} The other side refuses the handshake, and with it perhaps the certificate of the service key.",
            "Create a new service key and give it to the connection, if it has a certificate.",
        )
    if _NOT_TLS.search(reason):
        return f"{evidence} The other side does not speak TLS.", "Check host and port, and proxies on the way."
    if _VERSION_MISMATCH.search(reason):
        return (
            f"{evidence} The other side and this client (TLS 1.2 and later) have no version of TLS in common.",
            "Check host and port, and proxies on the way: the services themselves speak TLS 1.2.",
        )
    return evidence, "Check host and port, and proxies on the way."


def _tunnel_refused(
    request: httpx.Request, progress: RequestProgress, error: httpx.ProxyError, what: str
) -> ServiceUnavailable:
    """Return the error for a refused tunnel, with the status alone of the proxy's response.

    A 407 is final: some proxies lock a user after too many attempts.
    """
    target = f"{progress.host}:{request.url.port or 443}"
    # httpx writes the status first; the proxy's own text behind it stays out of messages.
    digits = _STATUS.match(str(error))
    status = int(digits[0]) if digits else 0
    return ServiceUnavailable(
        f"{what} was not sent: the proxy {progress.proxy or 'of the environment'} refused the connection.",
        f"ProxyError: it was asked for a tunnel to {target} and answered {_status_text(status)}; nothing was sent.",
        _tunnel_remedy(status, progress.host, target),
        not_sent=True,
        is_permanent=status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    )


def _tunnel_remedy(status: int, host: str, target: str) -> str:
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return (
            "Put the user and the password that it takes into the proxy's URL in HTTPS_PROXY, percent-encoded "
            "(http://<user>:<password>@<host>:<port>): of the ways to log on to a proxy, Basic is supported."
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRANSIENT_STATUSES:
        return f"The proxy cannot reach {host} just now. {RETRY_HINT}"
    return f"Ask the proxy's operator to allow {target}, or name {host} in NO_PROXY if it can be reached directly."


def _status_text(status: int) -> str:
    """Name a status by its number and its phrase."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status or "otherwise")
