"""What a request that got no answer tells: the network, a proxy or TLS, each with what to do about it.

What the transport says is not repeated, as it may hold what was sent: only OpenSSL's own reason, and a proxy's status.
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
"""A ProxyError is a tunnel that was refused: the proxy never saw the request itself."""
_STATUS: Final = re.compile(r"[1-5]\d\d\b")
_TRANSIENT_STATUSES: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_AUTHORITY_HINT: Final = (
    "Authorities that this machine does not know are added by `pulumi config set btp-trust:caBundle <path of a PEM "
    "file>`, or named all in the environment variable SSL_CERT_FILE; nothing turns verification off."
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
    """Tell a failure of the transport.

    Args:
        request: What was to be sent.
        error: What httpx raised.
        what: The request, named without its query, headers and body.
    """
    progress = progress_of(request)
    is_certainly_unsent = progress.is_certainly_unsent or isinstance(error, _NOT_SENT_ERRORS)
    tls = _find_tls_error(error)
    if tls is not None and (is_certainly_unsent or _CLIENT_CERTIFICATE_REJECTED.search(tls.reason or "")):
        return _tls_failed(progress, tls, what, is_certainly_unsent=is_certainly_unsent)
    if isinstance(error, httpx.ProxyError):
        return _tunnel_refused(request, progress, error, what)
    what, name = f"{what} got no answer.", type(error).__name__
    if progress.stopped_at_proxy:
        return ServiceUnavailable(
            what,
            f"{name}: the proxy {progress.proxy} did not make the connection, so nothing was sent to the service.",
            f"Check HTTPS_PROXY and that this machine reaches {progress.proxy}, or name {progress.host} in NO_PROXY. "
            f"{RETRY_HINT}",
            not_sent=True,
        )
    if is_certainly_unsent:
        is_half = progress.step is RequestStage.TLS
        how_far = "the connection ended during the TLS handshake" if is_half else "no connection was made"
        return ServiceUnavailable(
            what,
            f"{name}: {how_far}, so nothing was sent.",
            f"Check that this machine reaches {request.url.host} (network, proxy, name service). If it does: "
            "wait a little, then run the same command again.",
            not_sent=True,
        )
    why = "nothing came in time" if isinstance(error, httpx.TimeoutException) else "no whole answer came"
    return ServiceUnavailable(what, f"{name}: {why}.", RETRY_HINT)


def _find_tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """Find OpenSSL's error behind the transport's; a connection that merely ended is none."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return None if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) else error
        error = error.__cause__ or error.__context__
    return None


def _tls_failed(
    progress: RequestProgress, error: ssl.SSLError, what: str, *, is_certainly_unsent: bool
) -> ServiceUnavailable:
    """Tell a failure of TLS: it comes again until somebody has corrected something."""
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
        is_final=True,
    )


def _explain_certificate(error: ssl.SSLCertVerificationError) -> tuple[str, str]:
    """Tell why a server's certificate was not accepted, and what to do."""
    code, reason = error.verify_code, error.verify_message.rstrip(".")
    evidence = f"Its certificate was not accepted; OpenSSL says: {reason} ({code})."
    if code in _UNKNOWN_AUTHORITY:
        return evidence, (
            "If a proxy of your network looks into TLS, or the service has an authority of its own, add that "
            "authority; its administrators have the certificate."
        )
    if code in _EXPIRED:
        return evidence, "Check this machine's clock; if it is right, whoever runs that server has to renew it."
    if code in _NAME_MISMATCH:
        return evidence, "Check the host in the service key, and where the name leads (name service, proxy)."
    return evidence, (
        "Whoever runs that server, or the proxy that looks into TLS, has to issue a certificate that follows RFC 5280: "
        "Python 3.13 and later insist on it, Python 3.11 and 3.12 do not."
    )


def _explain_handshake(error: ssl.SSLError) -> tuple[str, str]:
    """Tell why there was no TLS at all, and what to do."""
    reason = error.reason or "no reason"
    evidence = f"OpenSSL says: {reason}."
    if _CLIENT_CERTIFICATE_REJECTED.search(reason):
        return (
            f"{evidence} The other side refuses the handshake, and with it perhaps the certificate of the service key.",
            "Create a new service key and give it to the connection, if it has a certificate.",
        )
    if _NOT_TLS.search(reason):
        return f"{evidence} What answers there does not speak TLS.", "Check host and port, and proxies on the way."
    if _VERSION_MISMATCH.search(reason):
        return (
            f"{evidence} The other side speaks no version of TLS that is spoken here (1.2 and later).",
            "Check host and port, and proxies on the way: the services themselves speak TLS 1.2.",
        )
    return evidence, "Check host and port, and proxies on the way."


def _tunnel_refused(
    request: httpx.Request, progress: RequestProgress, error: httpx.ProxyError, what: str
) -> ServiceUnavailable:
    """Tell what the proxy answered; of its words only the status is shown.

    A user whom it refuses is not tried again: some lock whoever is wrong too often.
    """
    proxy = progress.proxy or "of the environment"
    asked = f"{progress.host}:{request.url.port or 443}"
    found = _STATUS.match(str(error))
    status = int(found[0]) if found else 0
    evidence = (
        f"ProxyError: it was asked for a tunnel to {asked} and answered {_status_text(status)}; nothing was sent."
    )
    is_of_users = status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    if is_of_users:
        remedy = (
            "Put the user and the password that it takes into the proxy's URL in HTTPS_PROXY, percent-encoded "
            "(http://<user>:<password>@<host>:<port>): of the ways to log on to a proxy, Basic is supported."
        )
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRANSIENT_STATUSES:
        remedy = f"The proxy cannot reach {progress.host} just now. {RETRY_HINT}"
    else:
        direct = f"name {progress.host} in NO_PROXY if it can be reached directly"
        remedy = f"Ask whoever runs the proxy to allow {asked}, or {direct}."
    return ServiceUnavailable(
        f"{what} was not sent: the proxy {proxy} refused the connection.",
        evidence,
        remedy,
        not_sent=True,
        is_final=is_of_users,
    )


def _status_text(status: int) -> str:
    """Name a status by its number and the phrase that belongs to it."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status or "otherwise")
