"""A fake of Pulumi's engine, which drives the providers in process (`engine`)."""

from support.fake_engine.deployment import CheckFailedError, Deployment, Program, ResourceHandle, StoredResource
from support.fake_engine.engine import HOUR, PROVIDERS, YEAR, FakeEngine
from support.fake_engine.messages import assert_three_part_message
from support.fake_engine.report import Bag, CommandReport, ProviderCall, is_read, request_label
from support.fake_engine.transport import (
    FaultyTransport,
    ProcessKilledError,
    SendRequest,
    TransportFault,
    answer_with,
    commit_then_answer,
    commit_then_raise,
    interleave,
    pass_through,
    raise_before_sending,
)
from support.fake_engine.trust_program import program
from support.fake_engine.values import make_certificate, make_snapshot
from support.fake_engine.wire import apply_ignore_changes, round_trip

__all__ = [
    "HOUR",
    "PROVIDERS",
    "YEAR",
    "Bag",
    "CheckFailedError",
    "CommandReport",
    "Deployment",
    "FakeEngine",
    "FaultyTransport",
    "ProcessKilledError",
    "Program",
    "ProviderCall",
    "ResourceHandle",
    "SendRequest",
    "StoredResource",
    "TransportFault",
    "answer_with",
    "apply_ignore_changes",
    "assert_three_part_message",
    "commit_then_answer",
    "commit_then_raise",
    "interleave",
    "is_read",
    "make_certificate",
    "make_snapshot",
    "pass_through",
    "program",
    "raise_before_sending",
    "request_label",
    "round_trip",
]
