"""A transport between the provider and the emulator, with the faults that a test injects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from support.fake_engine.report import request_label
from support.tracing import Untraced

SendRequest = Callable[[httpx.Request], httpx.Response]
TransportFault = Callable[[httpx.Request, SendRequest], httpx.Response]


class FaultyTransport(httpx.BaseTransport):
    """Forward requests to the emulator, except where a test has injected a fault."""

    def __init__(self, transport: httpx.BaseTransport, wait: Callable[[float], None] = lambda _: None) -> None:
        self._transport = transport
        self._wait = wait
        self.sent: list[str] = []
        """Labels of all requests, also of those that met a fault."""
        self._once: list[tuple[str, TransportFault]] = []
        self._always: dict[str, TransportFault] = {}

    def inject_once(self, request: str, fault: TransportFault, *, after: int = 0) -> None:
        """Inject a fault into one request, such as `POST rotateCertificate` ("": any), after `after` of them."""
        self._once += [*[(request, pass_through)] * after, (request, fault)]

    def inject_always(self, fault: TransportFault, *requests: str) -> None:
        """Inject a fault into every request with one of these labels from now on (default: into every request)."""
        self._always.update(dict.fromkeys(requests or ("",), fault))

    def clear_faults(self) -> None:
        """Remove all injected faults."""
        self._once.clear()
        self._always.clear()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request through the next fault that matches it."""
        label = request_label(request.method, request.url.path)
        self.sent.append(label)
        return self._next_fault(label)(request, self._send)

    def _send(self, request: httpx.Request) -> httpx.Response:
        """Send to the emulator, which has tests of its own.

        A timeout advances the clock by the time that the client waits.
        """
        try:
            with Untraced():
                return self._transport.handle_request(request)
        except httpx.ReadTimeout:
            self._wait(request.extensions["timeout"]["read"])
            raise

    def _next_fault(self, label: str) -> TransportFault:
        for number, (planned_label, fault) in enumerate(self._once):
            if planned_label in ("", label):
                del self._once[number]
                return fault
        return self._always.get(label) or self._always.get("") or pass_through


def pass_through(request: httpx.Request, send: SendRequest) -> httpx.Response:
    """Send the request unchanged."""
    return send(request)


class ProcessKilledError(BaseException):
    """The plugin process was killed at this moment."""


def commit_then_raise(error: BaseException) -> TransportFault:
    """Send the request, and raise an error in place of its response."""

    def fault(request: httpx.Request, send: SendRequest) -> httpx.Response:
        send(request)
        raise error

    return fault


def raise_before_sending(error: BaseException) -> TransportFault:
    """Raise an error in place of sending the request."""

    def fault(_: httpx.Request, __: SendRequest) -> httpx.Response:
        raise error

    return fault


def commit_then_answer(status: int, **answer: Any) -> TransportFault:
    """Send the request, and answer it with another response."""

    def fault(request: httpx.Request, send: SendRequest) -> httpx.Response:
        send(request)
        return httpx.Response(status, request=request, **answer)

    return fault


def answer_with(status: int, **answer: Any) -> TransportFault:
    """Answer in place of the service, which receives no request."""
    return lambda request, _: httpx.Response(status, request=request, **answer)


def interleave(before: Callable[[], None] | None = None, after: Callable[[], None] | None = None) -> TransportFault:
    """Run a function directly before or after the service handles the request."""

    def fault(request: httpx.Request, send: SendRequest) -> httpx.Response:
        if before is not None:
            before()
        response = send(request)
        if after is not None:
            after()
        return response

    return fault
