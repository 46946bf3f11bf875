"""The argument `trusted_by` of a program: the values for the engine, refused values, and attestations from files."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks

from btp_trust import Attested, PassiveTrustCertificate, RotationTrigger, SwitchesAtRotation
from btp_trust.certificate import parse_pem
from btp_trust.formatting import format_rfc3339
from btp_trust_emulator import Emulator

# Pulumi's mocks leave an event loop open in each of their threads; whenever it is collected, Python complains.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

with Emulator(key_size=1024) as emulator:
    GUID = emulator.create_subaccount(generate=True).guid
    emulator.generate_passive(GUID)
    PEMS = [pem or "" for pem in emulator.certificates(GUID)]
SIGNING, NEXT = (parse_pem(pem) for pem in PEMS)
MOMENT = datetime(2028, 11, 20, 11, 5, tzinfo=UTC)
WRITTEN = f"{SIGNING.fingerprint} until {format_rfc3339(SIGNING.not_after)}"


@dataclass
class Engine(Mocks):
    """Mocks that record resources; each resource has the active certificate as an output."""

    registered: dict[str, dict[str, Any]] = field(default_factory=dict)

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Record the inputs of a resource."""
        self.registered[args.name] = dict(args.inputs)
        return args.name, {**args.inputs, "certificate": PEMS[0], "fingerprint": SIGNING.fingerprint, "nothing": None}

    def call(self, args: MockCallArgs) -> Any:
        """Fail: these programs call no function."""
        raise NotImplementedError(args.token)


class Target(pulumi.CustomResource):
    """A target that gets its certificate from another provider."""

    certificate: pulumi.Output[str]
    empty: pulumi.Output[None]

    def __init__(self, name: str, **props: Any) -> None:
        super().__init__("test:index:Target", name, {**props, "certificate": None, "empty": None})


TrustedByFactory = Callable[[PassiveTrustCertificate], dict[str, Any]]
Deploy = Callable[[TrustedByFactory], Any]


@pytest.fixture
def deploy(program_loop: None) -> Deploy:  # noqa: ARG001 - the loop is there while programs run
    """Run a program with this argument, and return the input that reaches the engine."""

    def run(trusted_by: TrustedByFactory) -> Any:
        engine = Engine()

        def program() -> None:
            candidate = PassiveTrustCertificate("next", "b")
            RotationTrigger("rotation", "a", candidate=candidate, trusted_by=trusted_by(candidate))

        def deployment() -> None:
            pulumi.runtime.set_mocks(engine)
            pulumi.runtime.test(program)()  # type: ignore[no-untyped-call] # as Pulumi has it

        contextvars.Context().run(deployment)
        return engine.registered["rotation"].get("trusted_by")

    return run


def refusal(deploy: Deploy, trusted_by: TrustedByFactory) -> str:
    """Return the error of the program: three parts that name the target and quote no value."""
    with pytest.raises(pulumi.RunError) as error:
        deploy(trusted_by)
    assert len(str(error.value).splitlines()) == 3
    assert "S3CRET" not in str(error.value)
    return str(error.value)


def stated(value: Any) -> dict[str, Any]:
    """Return how an output or a list reaches the engine: in a map, so that Pulumi hides no fingerprint as a secret."""
    return {"kind": "observed", "stated": value}


def test_certificates_become_fingerprints(deploy: Deploy) -> None:
    """Readable certificates reach the engine as fingerprints; check refuses the other values."""
    later = pulumi.Output.from_input
    assert deploy(
        lambda _: {
            "pem": PEMS[0],
            "body": later(SIGNING.body),
            "both": "".join(PEMS),
            "several": (SIGNING.metadata, later([SIGNING.fingerprint, None])),
            "later": asyncio.sleep(0, PEMS[0]),
            "garbage": "S3CRET",
            "number": later(5),
            "untrusting": [],
            "answer": {"idpMetadata": SIGNING.metadata},
            "answers": later([{"idpMetadata": SIGNING.body}, {"idpMetadata": "S3CRET"}]),
            "limited": SIGNING.metadata.replace(" entityID", ' validUntil="2028-01-01T00:00:00Z" entityID', 1),
        }
    ) == {
        "pem": WRITTEN,
        "body": stated(WRITTEN),
        "both": stated([WRITTEN, f"{NEXT.fingerprint} until {format_rfc3339(NEXT.not_after)}"]),
        "several": stated([WRITTEN, [SIGNING.fingerprint, ""]]),
        "later": stated(WRITTEN),
        "garbage": "S3CRET",
        "number": stated(5),
        "untrusting": stated([]),
        "answer": WRITTEN,
        "answers": stated([WRITTEN, {"idpMetadata": "S3CRET"}]),
        "limited": f"{WRITTEN} valid until 2028-01-01T00:00:00Z",
    }


def test_attestations_reach_engine(deploy: Deploy) -> None:
    """Attestations and announced gaps reach the engine, with a date or a text for the day."""
    attested = {"kind": "attested", "fingerprint": SIGNING.fingerprint, "by": "Ada", "on": "2028-11-20"}
    assert deploy(
        lambda _: {
            "a": Attested(SIGNING.fingerprint, "Ada", "2028-11-20"),
            "b": Attested(pulumi.Output.from_input(SIGNING.fingerprint), "Ada", date(2028, 11, 20), "T-1"),
            "both": Attested([SIGNING.fingerprint, pulumi.Output.from_input(NEXT.fingerprint)], "Ada", MOMENT),
            "c": SwitchesAtRotation("HR IT"),
            "d": SwitchesAtRotation("HR IT", ticket="HR-1"),
        }
    ) == {
        "a": attested,
        "b": {**attested, "ticket": "T-1"},
        "both": {**attested, "fingerprint": [SIGNING.fingerprint, NEXT.fingerprint], "on": MOMENT.isoformat()},
        "c": {"kind": "switches at rotation", "owner": "HR IT"},
        "d": {"kind": "switches at rotation", "owner": "HR IT", "ticket": "HR-1"},
    }


def test_attested_fingerprint_is_normalized(deploy: Deploy, tmp_path: Path) -> None:
    """A printed fingerprint is normalized, in the program and in the file of a target's team."""
    printed = "sha256 Fingerprint=" + bytes.fromhex(SIGNING.fingerprint).hex(":").upper()
    file = tmp_path / "s4.yaml"
    file.write_text(f"fingerprint: {printed}\nby: Ada\n'on': 2028-11-20\n")
    values = deploy(lambda _: {"a": Attested(printed, "Ada", "2028-11-20"), "b": Attested.from_file(file)})
    assert {value["fingerprint"] for value in values.values()} == {SIGNING.fingerprint}


def test_empty_map_counts_as_absent(deploy: Deploy) -> None:
    """An empty map counts as absent."""
    assert deploy(lambda _: {}) is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(lambda candidate: candidate.fingerprint, id="an output"),
        pytest.param(lambda candidate: candidate.certificate.apply(lambda pem: pem.strip()), id="made of an output"),
        pytest.param(lambda candidate: pulumi.Output.all(candidate.fingerprint, "ab" * 32), id="beside a plain value"),
        pytest.param(
            lambda candidate: pulumi.Output.secret("x").apply(lambda _: candidate.certificate), id="after a plain value"
        ),
        pytest.param(lambda candidate: ["ab" * 32, candidate.certificate_body], id="in a list"),
        pytest.param(lambda candidate: [["ab" * 32, [candidate.metadata]]], id="in a list in a list"),
        pytest.param(lambda candidate: Attested(candidate.fingerprint, "Ada", "2028-11-20"), id="in an attestation"),
    ],
)
def test_value_of_candidate_is_refused(deploy: Deploy, value: Callable[[PassiveTrustCertificate], Any]) -> None:
    """A value that derives from the candidate alone stops the program, which names the target."""
    message = refusal(deploy, lambda candidate: {"fine": SIGNING.fingerprint, "s4": value(candidate)})
    assert "trusted_by['s4'] is derived only from the candidate" in message


def test_value_of_target_is_accepted(deploy: Deploy) -> None:
    """A value that derives from the target too is accepted, also one made of both."""

    def trusted_by(candidate: PassiveTrustCertificate) -> dict[str, Any]:
        target = Target("s4", given=candidate.certificate)
        both = pulumi.Output.all(target.certificate, candidate.fingerprint)
        return {"own": target.certificate, "both": both, "list": [target.certificate], "null": target.empty}

    assert deploy(trusted_by) == {
        "own": stated(WRITTEN),
        "both": stated([WRITTEN, SIGNING.fingerprint]),
        "list": stated([WRITTEN]),
        "null": stated(""),
    }


@pytest.mark.parametrize("value", [5, 5.0, True, b"S3CRET", {"kind": "attested"}], ids=repr)
def test_value_of_other_type_is_refused(deploy: Deploy, value: Any) -> None:
    """A value of another type is refused with its type and the target's name."""
    message = refusal(deploy, lambda _: {"s4": value})
    assert "'s4'" in message
    assert type(value).__name__ in message


def test_targets_must_be_a_map(deploy: Deploy) -> None:
    """Other types than a map are refused, for previews list targets by name."""
    not_a_map: Any = lambda candidate: candidate.fingerprint  # noqa: E731 - a wrong argument, written down
    assert "map" in refusal(deploy, not_a_map)


# --- attestations from files -------------------------------------------------------------------------------------


def attestation(folder: Path, text: str) -> Path:
    """Write a file."""
    file = folder / "s4.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "ticket"),
    [
        pytest.param("fingerprint: {0}\nby: Ada\non: 2028-11-20\n", None, id="plain"),
        pytest.param('# s4\nticket: 4711\n"on": "2028-11-20"\nby: "Ada"\nfingerprint: "{0}"\n', "4711", id="quoted"),
        pytest.param('{{"fingerprint": "{0}", "by": "Ada", "on": "2028-11-20", "ticket": ""}}', None, id="JSON"),
    ],
)
def test_attestation_is_read_from_file(tmp_path: Path, text: str, ticket: str | None) -> None:
    """All values of a file are read as texts, so dates, numbers and the key `on` keep their spelling."""
    for digits in (SIGNING.fingerprint, "12" * 32, "1e" + "5" * 62):
        attested = Attested.from_file(attestation(tmp_path, text.format(digits)))
        assert attested == Attested(digits, "Ada", "2028-11-20", ticket)


def test_file_may_list_certificates(tmp_path: Path) -> None:
    """A file may list all certificates that the target shows."""
    text = f'fingerprint:\n- "{SIGNING.fingerprint}"\n- {NEXT.fingerprint}\nby: Ada\non: 2028-11-20T11:05:00Z\n'
    attested = Attested.from_file(attestation(tmp_path, text))
    assert attested == Attested([SIGNING.fingerprint, NEXT.fingerprint], "Ada", "2028-11-20T11:05:00Z")


def test_file_may_be_unfilled(tmp_path: Path) -> None:
    """A file with empty `by` and `on` is read as an open attestation."""
    unfilled = attestation(tmp_path, f'fingerprint: "{SIGNING.fingerprint}"\nby:  # who\n"on":  # when\n')
    assert Attested.from_file(str(unfilled)) == Attested(SIGNING.fingerprint, "", "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "not a map", id="an empty file"),
        pytest.param("S3CRET", "not a map", id="a text"),
        pytest.param("- S3CRET", "not a map", id="a list"),
        pytest.param("by: Ada", "fingerprint and on are missing", id="two keys missing"),
        pytest.param("{fingerprint: a, by: Ada}", "on is missing", id="a key missing"),
        pytest.param("{fingerprint: a, by: Ada, on: b, by: Bob}", "'by' is in it twice", id="a key twice"),
        pytest.param(
            "{fingerprint: a, by: Ada, on: b, at: c}", "'at' is in it, which is an unknown key", id="another key"
        ),
        pytest.param("{fingerprint: a, by: [S3CRET], on: b}", "not text", id="a list for a text"),
        pytest.param("{fingerprint: [a, [S3CRET]], by: Ada, on: b}", "not text", id="a list in a list"),
        pytest.param("{fingerprint: {S3CRET: a}, by: Ada, on: b}", "not text", id="a map for a text"),
        pytest.param("{[S3CRET]: a}", "not text", id="a list for a key"),
        pytest.param("fingerprint: 'S3CRET", "not YAML", id="malformed YAML"),
        pytest.param("by: !!python/object/apply:os.system [S3CRET]", "not text", id="a tag that would run something"),
        pytest.param("[" * 5000, "not YAML", id="endless depth"),
    ],
)
def test_malformed_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """A malformed file is refused with its name, the reason and the expected keys, unquoted."""
    with pytest.raises(pulumi.RunError, match=reason) as refused:
        Attested.from_file(attestation(tmp_path, text))
    lines = str(refused.value).splitlines()
    assert len(lines) == 3
    assert "s4.yaml" in lines[0]
    assert "fingerprint:" in lines[-1]
    assert "S3CRET" not in str(refused.value)


def test_unreadable_file_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder and another encoding are refused for their reasons."""
    (tmp_path / "latin.yaml").write_bytes("by: Zoë".encode("latin-1"))
    for name, reason in (("missing.yaml", "No such file"), ("", "directory"), ("latin.yaml", "UTF-8")):
        with pytest.raises(pulumi.RunError, match=reason):
            Attested.from_file(tmp_path / name)


@given(text=st.text(max_size=40) | st.dictionaries(st.text(max_size=5), st.text(max_size=5)).map(str))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Any file gives a RunError as its only error."""
    try:
        content = text.encode()
    except UnicodeEncodeError:
        return
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)
    with pytest.raises(pulumi.RunError):
        Attested.from_file(file)
