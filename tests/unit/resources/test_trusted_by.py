"""What a program says of its targets: what reaches the engine, what proves nothing, and attestations from files."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
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
WRITTEN = f"{SIGNING.fingerprint} until {format_rfc3339(SIGNING.not_after)}"


@dataclass
class Engine(Mocks):
    """An engine that deploys whatever it is told to; every resource has the certificate that signs as an output."""

    registered: dict[str, dict[str, Any]] = field(default_factory=dict)

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Take down what a resource was given."""
        self.registered[args.name] = dict(args.inputs)
        return args.name, {**args.inputs, "certificate": PEMS[0], "fingerprint": SIGNING.fingerprint, "nothing": None}

    def call(self, args: MockCallArgs) -> Any:
        """Nothing here calls a function."""
        raise NotImplementedError(args.token)


class Target(pulumi.CustomResource):
    """A target, given a certificate by another provider."""

    certificate: pulumi.Output[str]
    nothing: pulumi.Output[None]

    def __init__(self, name: str, **props: Any) -> None:
        super().__init__("test:index:Target", name, {**props, "certificate": None, "nothing": None})


Asked = Callable[[PassiveTrustCertificate], dict[str, Any]]
Deploy = Callable[[Asked], Any]


@pytest.fixture
def deploy(program_loop: None) -> Deploy:  # noqa: ARG001 - the loop is there while programs run
    """Run a program whose trigger asks these targets, and return what reaches the engine of them."""

    def run(asked: Asked) -> Any:
        engine = Engine()

        def program() -> None:
            candidate = PassiveTrustCertificate("next", "b")
            RotationTrigger("rotation", "a", candidate=candidate, trusted_by=asked(candidate))

        def deployment() -> None:
            pulumi.runtime.set_mocks(engine)
            pulumi.runtime.test(program)()  # type: ignore[no-untyped-call] # as Pulumi has it

        contextvars.Context().run(deployment)
        return engine.registered["rotation"].get("trusted_by")

    return run


def refusal(deploy: Deploy, asked: Asked) -> str:
    """What the program stops with: three parts that name the target and repeat no value."""
    with pytest.raises(pulumi.RunError) as stopped:
        deploy(asked)
    assert len(str(stopped.value).splitlines()) == 3
    assert "S3CRET" not in str(stopped.value)
    return str(stopped.value)


def test_certificates_reach_the_engine_as_fingerprints(deploy: Deploy) -> None:
    """For Pulumi shows the values of an argument that is refused; what cannot be read is left to the provider."""
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
            "nobody": [],
            "answer": {"idpMetadata": SIGNING.metadata},
            "answers": later([{"idpMetadata": SIGNING.body}, {"idpMetadata": "S3CRET"}]),
            "limited": SIGNING.metadata.replace(" entityID", ' validUntil="2028-01-01T00:00:00Z" entityID', 1),
        }
    ) == {
        "pem": WRITTEN,
        "body": WRITTEN,
        "both": [WRITTEN, f"{NEXT.fingerprint} until {format_rfc3339(NEXT.not_after)}"],
        "several": [WRITTEN, [SIGNING.fingerprint, ""]],
        "later": WRITTEN,
        "garbage": "S3CRET",
        "number": 5,
        "nobody": [],
        "answer": WRITTEN,
        "answers": [WRITTEN, {"idpMetadata": "S3CRET"}],
        "limited": f"{WRITTEN} valid until 2028-01-01T00:00:00Z",
    }


def test_people_reach_the_engine_as_what_they_say(deploy: Deploy) -> None:
    """With a date or a text for the day."""
    attested = {"kind": "attested", "fingerprint": SIGNING.fingerprint, "by": "Ada", "on": "2028-11-20"}
    assert deploy(
        lambda _: {
            "a": Attested(SIGNING.fingerprint, "Ada", "2028-11-20"),
            "b": Attested(pulumi.Output.from_input(SIGNING.fingerprint), "Ada", date(2028, 11, 20), "T-1"),
            "c": SwitchesAtRotation("HR IT"),
            "d": SwitchesAtRotation("HR IT", ticket="HR-1"),
        }
    ) == {
        "a": attested,
        "b": {**attested, "ticket": "T-1"},
        "c": {"kind": "switches at rotation", "owner": "HR IT"},
        "d": {"kind": "switches at rotation", "owner": "HR IT", "ticket": "HR-1"},
    }


def test_an_attested_fingerprint_reaches_the_engine_as_digits(deploy: Deploy, tmp_path: Path) -> None:
    """As openssl prints it, in the program and in the file of a target's team."""
    printed = "sha256 Fingerprint=" + bytes.fromhex(SIGNING.fingerprint).hex(":").upper()
    file = tmp_path / "s4.yaml"
    file.write_text(f"fingerprint: {printed}\nby: Ada\n'on': 2028-11-20\n")
    told = deploy(lambda _: {"a": Attested(printed, "Ada", "2028-11-20"), "b": Attested.from_file(file)})
    assert {each["fingerprint"] for each in told.values()} == {SIGNING.fingerprint}


def test_no_targets_are_no_argument(deploy: Deploy) -> None:
    """An empty map counts as absent."""
    assert deploy(lambda _: {}) is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(lambda one: one.fingerprint, id="an output"),
        pytest.param(lambda one: one.certificate.apply(lambda pem: pem.strip()), id="made of an output"),
        pytest.param(lambda one: pulumi.Output.all(one.fingerprint, "ab" * 32), id="beside a plain value"),
        pytest.param(lambda one: pulumi.Output.secret("x").apply(lambda _: one.certificate), id="after a plain value"),
        pytest.param(lambda one: ["ab" * 32, one.certificate_body], id="in a list"),
        pytest.param(lambda one: [["ab" * 32, [one.metadata]]], id="in a list in a list"),
        pytest.param(lambda one: Attested(one.fingerprint, "Ada", "2028-11-20"), id="in an attestation"),
    ],
)
def test_what_stems_from_the_candidate_alone_proves_nothing(
    deploy: Deploy, value: Callable[[PassiveTrustCertificate], Any]
) -> None:
    """A certificate equals itself whatever the target has; the program stops, and names the target."""
    message = refusal(deploy, lambda one: {"fine": SIGNING.fingerprint, "s4": value(one)})
    assert "'s4' trusts stems from the candidate alone" in message


def test_what_stems_from_a_target_as_well_is_its_answer(deploy: Deploy) -> None:
    """The target's own output, of whatever it was given; or one that is made of both."""

    def asked(candidate: PassiveTrustCertificate) -> dict[str, Any]:
        target = Target("s4", given=candidate.certificate)
        both = pulumi.Output.all(target.certificate, candidate.fingerprint)
        return {"own": target.certificate, "both": both, "list": [target.certificate], "none": target.nothing}

    assert deploy(asked) == {
        "own": WRITTEN,
        "both": [WRITTEN, SIGNING.fingerprint],
        "list": [WRITTEN],
        "none": "",
    }


@pytest.mark.parametrize("value", [5, 5.0, True, b"S3CRET", {"kind": "attested"}], ids=repr)
def test_a_value_that_says_nothing_is_refused_where_it_is_written(deploy: Deploy, value: Any) -> None:
    """A number, bytes, a map: by its type and its target's name."""
    message = refusal(deploy, lambda _: {"s4": value})
    assert "'s4'" in message
    assert type(value).__name__ in message


def test_targets_are_a_map_in_the_program(deploy: Deploy) -> None:
    """Whose names are known in every preview."""
    asked: Any = lambda one: one.fingerprint  # noqa: E731 - a wrong argument, written down
    assert "map" in refusal(deploy, asked)


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
def test_an_attestation_is_read_from_a_file(tmp_path: Path, text: str, ticket: str | None) -> None:
    """Every value as the text that stands there: neither a date nor a number nor the key `on` becomes another type."""
    for digits in (SIGNING.fingerprint, "12" * 32, "1e" + "5" * 62):
        found = Attested.from_file(attestation(tmp_path, text.format(digits)))
        assert found == Attested(digits, "Ada", "2028-11-20", ticket)


def test_a_ready_file_waits_to_be_filled_in(tmp_path: Path) -> None:
    """Its keys are there, two of them empty."""
    ready = attestation(tmp_path, f'fingerprint: "{SIGNING.fingerprint}"\nby:  # who\n"on":  # when\n')
    assert Attested.from_file(str(ready)) == Attested(SIGNING.fingerprint, "", "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("", "not a map", id="nothing"),
        pytest.param("S3CRET", "not a map", id="a text"),
        pytest.param("- S3CRET", "not a map", id="a list"),
        pytest.param("by: Ada", "fingerprint and on are missing", id="two keys missing"),
        pytest.param("{fingerprint: a, by: Ada}", "on is missing", id="a key missing"),
        pytest.param("{fingerprint: a, by: Ada, on: b, by: Bob}", "'by' is in it twice", id="a key twice"),
        pytest.param("{fingerprint: a, by: Ada, on: b, at: c}", "'at' is in it, which is an unknown key", id="another key"),
        pytest.param("{fingerprint: [S3CRET], by: Ada, on: b}", "not text", id="a list for a text"),
        pytest.param("{[S3CRET]: a}", "not text", id="a list for a key"),
        pytest.param("fingerprint: 'S3CRET", "not YAML", id="no YAML"),
        pytest.param("by: !!python/object/apply:os.system [S3CRET]", "not text", id="a tag that would run something"),
        pytest.param("[" * 5000, "not YAML", id="a depth that nobody writes"),
    ],
)
def test_a_file_that_is_no_attestation_is_refused_by_its_name(tmp_path: Path, text: str, reason: str) -> None:
    """With what it has to hold."""
    with pytest.raises(pulumi.RunError, match=reason) as refused:
        Attested.from_file(attestation(tmp_path, text))
    lines = str(refused.value).splitlines()
    assert len(lines) == 3
    assert "s4.yaml" in lines[0]
    assert "fingerprint:" in lines[-1]
    assert "S3CRET" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path) -> None:
    """None, a folder, another encoding."""
    (tmp_path / "latin.yaml").write_bytes("by: Zoë".encode("latin-1"))
    for name, reason in (("none.yaml", "No such file"), ("", "directory"), ("latin.yaml", "UTF-8")):
        with pytest.raises(pulumi.RunError, match=reason):
            Attested.from_file(tmp_path / name)


@given(text=st.text(max_size=40) | st.dictionaries(st.text(max_size=5), st.text(max_size=5)).map(str))
def test_any_file_is_an_attestation_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Never another error."""
    try:
        content = text.encode()
    except UnicodeEncodeError:
        return
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(content)
    with pytest.raises(pulumi.RunError):
        Attested.from_file(file)
