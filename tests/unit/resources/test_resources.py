"""The resources that a program declares: what reaches the engine, and what is refused before it does."""

from __future__ import annotations

import base64
import contextvars
import inspect
import pickle
import pkgutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib import import_module, metadata
from typing import Any, ClassVar

import dill  # type: ignore[import-untyped] # Pulumi reads its states with it
import pulumi
import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks

import btp_trust
from btp_trust import (
    ActiveTrustCertificate,
    PassiveTrustCertificate,
    RotationTrigger,
    TrustedIdentityProvider,
    providers,
)
from btp_trust.active.schema import ActiveArgs
from btp_trust.passive.schema import PassiveArgs
from btp_trust.property_bag import ResourceArgs
from btp_trust.rotation.schema import RotationArgs

KEY = '{"clientsecret": "S3CRET"}'
FINGERPRINT = "ed0ba13097d1d837ee2e56a62e8f9e08fc8ed94a78054932c2fd76e763caabd8"
GUID = "00000000-1111-4222-8333-000000005cdd"
RESOURCES = [ActiveTrustCertificate, PassiveTrustCertificate, RotationTrigger]
PROVIDERS = [
    providers.ActiveTrustCertificateProvider,
    providers.PassiveTrustCertificateProvider,
    providers.RotationTriggerProvider,
]
CERTIFICATE_OUTPUTS = {
    "fingerprint",
    "certificate",
    "certificate_body",
    "metadata",
    "issuer_name",
    "serial_number",
    "not_before",
    "not_after",
    "role",
}


@dataclass
class Engine(Mocks):
    """An engine that deploys whatever it is told to, with some outputs of its own."""

    registered: dict[str, MockResourceArgs] = field(default_factory=dict)
    outputs: ClassVar[Mapping[str, Any]] = {}
    """Further outputs of every resource."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Take down a resource."""
        self.registered[args.name] = args
        generations = {args.inputs.get("generation", "none"): FINGERPRINT}
        return f"id of {args.name}", {**args.inputs, "subaccount_id": GUID, "generations": generations, **self.outputs}

    def call(self, args: MockCallArgs) -> Any:
        """Nothing here calls a function."""
        raise NotImplementedError(args.token)

    def inputs(self, name: str) -> dict[str, Any]:
        """What the program gave, without what Pulumi adds."""
        own = self.registered[name].inputs
        return {each: value for each, value in own.items() if each not in {"__provider", "resource_urn"}}

    def urn(self, name: str) -> str:
        """The URN that a PassiveTrustCertificate tells its provider."""
        return str(self.registered[name].inputs["resource_urn"])


Deploy = Callable[..., Engine]

# Pulumi's mocks leave an event loop open in each of their threads; whenever it is collected, Python complains.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def deploy(program_loop: None) -> Deploy:  # noqa: ARG001 - the loop is there while programs run
    """Run a program as a deployment of its own, with this configuration and these of its keys secret."""

    def run(
        program: Callable[[], object], config: dict[str, str] | None = None, secret: tuple[str, ...] = ()
    ) -> Engine:
        engine = Engine()

        def deployment() -> None:
            pulumi.runtime.set_mocks(engine)
            pulumi.runtime.set_all_config(config or {}, list(secret))
            pulumi.runtime.test(program)()  # type: ignore[no-untyped-call] # as Pulumi has it

        contextvars.Context().run(deployment)
        return engine

    return run


def story() -> None:
    """The program of the second year."""
    upcoming = PassiveTrustCertificate("next", generation="2028-11")
    rotation = RotationTrigger("rotation", generation="2026-11", candidate=upcoming)
    ActiveTrustCertificate("signing", rotation=rotation)


def test_the_story_reaches_the_engine(deploy: Deploy) -> None:
    """Each argument under its name, the candidate as its pair, and nothing that was not given."""
    engine = deploy(story)
    assert engine.inputs("next") == {"generation": "2028-11"}
    assert engine.inputs("rotation") == {
        "generation": "2026-11",
        "candidate": {"generation": "2028-11", "generations": {"2028-11": FINGERPRINT}, "subaccount_id": GUID},
    }
    assert engine.inputs("signing") == {"rotation": "2026-11"}


def test_every_argument_reaches_the_engine(deploy: Deploy) -> None:
    """With a connection of another name than the default one."""
    common: dict[str, Any] = {"connection": "eu", "subaccount_id": GUID}
    own: dict[str, dict[str, Any]] = {
        "next": {"generation": "b", "adopt": FINGERPRINT, "replace": FINGERPRINT},
        "rotation": {
            "generation": "a",
            "known_generations": {"a": FINGERPRINT},
            "on_drift": "restore",
            "trusted_by": {"s4": FINGERPRINT},
        },
        "signing": {"generate": True, "renew_fingerprint": FINGERPRINT, "accept_outage": True},
    }

    def program() -> None:
        upcoming = PassiveTrustCertificate("next", **own["next"], **common)
        RotationTrigger("rotation", **own["rotation"], **common, candidate=upcoming)
        ActiveTrustCertificate("signing", **own["signing"], **common)

    engine = deploy(program)
    assert engine.inputs("rotation").pop("candidate")["generation"] == "b"
    for name, arguments in own.items():
        found = {key: value for key, value in engine.inputs(name).items() if key != "candidate"}
        assert found == {**arguments, **common}


def test_the_default_connection_is_no_input(deploy: Deploy) -> None:
    """Writing it down changes nothing."""

    def program() -> None:
        upcoming = PassiveTrustCertificate("next", "b", connection="default")
        RotationTrigger("rotation", "a", connection="default", candidate=upcoming)
        ActiveTrustCertificate("signing", connection="default")

    engine = deploy(program)
    assert not [name for name in engine.registered if "connection" in engine.inputs(name)]


def test_type_tokens_are_those_in_every_state(deploy: Deploy) -> None:
    """They are a wire format."""
    engine = deploy(story)
    assert {name: args.typ for name, args in engine.registered.items() if args.custom} == {
        "next": "pulumi-python:dynamic/btp-trust:PassiveTrustCertificate",
        "rotation": "pulumi-python:dynamic/btp-trust:RotationTrigger",
        "signing": "pulumi-python:dynamic/btp-trust:ActiveTrustCertificate",
    }


def test_a_passive_certificate_tells_its_provider_its_urn(deploy: Deploy) -> None:
    """A deletion that cannot reach the service has to name it; also for a resource within a component."""
    urns: dict[str, str] = {}

    def program() -> None:
        component = pulumi.ComponentResource("test:index:Component", "component")
        inner = pulumi.ResourceOptions(parent=component)
        PassiveTrustCertificate("outer", "b").urn.apply(lambda urn: urns.setdefault("outer", urn))
        PassiveTrustCertificate("inner", "b", connection="eu", opts=inner).urn.apply(
            lambda urn: urns.setdefault("inner", urn)
        )

    engine = deploy(program)
    for name, urn in urns.items():
        assert without_stack(engine.urn(name)) == without_stack(urn)
    assert set(urns) == {"outer", "inner"}


def without_stack(urn: str) -> str:
    """A URN as the engine writes it; its mocks put the type of the stack before that of some resources."""
    return urn.replace("pulumi:pulumi:Stack$", "")


@pytest.mark.parametrize("kind", [PassiveTrustCertificate, RotationTrigger], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({}, {}, id="on the default connection"),
        pytest.param({}, {"connection": "default"}, id="on the default connection, written down once"),
        pytest.param({"connection": "eu"}, {"connection": "eu"}, id="on another connection"),
    ],
)
def test_a_second_one_on_a_connection_is_an_error(
    deploy: Deploy, kind: Callable[..., object], first: dict[str, str], second: dict[str, str]
) -> None:
    """At construction: they would undo each other."""

    def program() -> None:
        kind("one", generation="a", **first)
        with pytest.raises(pulumi.RunError, match="A second") as caught:
            kind("two", generation="b", **second)
        lines = str(caught.value).splitlines()
        assert len(lines) == 3
        assert "connection=" in lines[-1]

    assert "two" not in deploy(program).registered


def test_each_connection_and_each_program_has_its_own(deploy: Deploy) -> None:
    """Another connection is another subaccount, and a test or an automation runs several programs in one process."""

    def program() -> None:
        for connection in ("default", "eu"):
            upcoming = PassiveTrustCertificate(f"next {connection}", "b", connection=connection)
            RotationTrigger(f"rotation {connection}", "a", connection=connection, candidate=upcoming)

    for _ in range(2):
        assert len([args for args in deploy(program).registered.values() if args.custom]) == 4


def test_several_may_report_what_signs(deploy: Deploy) -> None:
    """They change nothing, so they undo nothing."""

    def program() -> None:
        ActiveTrustCertificate("one")
        ActiveTrustCertificate("two")

    assert {"one", "two"} <= set(deploy(program).registered)


SECRETS = [f"btp-trust:{name}" for name in ("serviceKey", "connections", "userToken", "user", "users")]
DECLARE: dict[str, Callable[[], object]] = {
    "ActiveTrustCertificate": lambda: ActiveTrustCertificate("signing"),
    "PassiveTrustCertificate": lambda: PassiveTrustCertificate("next", "b"),
    "RotationTrigger": lambda: RotationTrigger("rotation", "a"),
}


@pytest.mark.parametrize("kind", DECLARE)
@pytest.mark.parametrize("setting", SECRETS)
def test_a_service_key_in_plain_text_is_refused(deploy: Deploy, setting: str, kind: str) -> None:
    """By every resource, with the line that makes it a secret, and without showing it."""

    def program() -> None:
        with pytest.raises(pulumi.RunError, match="plain text") as caught:
            DECLARE[kind]()
        assert f"pulumi config set --secret {setting}" in str(caught.value).splitlines()[-1]
        assert "S3CRET" not in str(caught.value)

    deploy(program, {setting: KEY})


@pytest.mark.parametrize("kind", DECLARE)
@pytest.mark.parametrize("setting", SECRETS)
def test_a_secret_service_key_is_accepted(deploy: Deploy, setting: str, kind: str) -> None:
    """It stays in the config: nothing of it reaches the engine as an input."""
    engine = deploy(DECLARE[kind], {setting: KEY}, (setting,))
    (registered,) = [args for args in engine.registered.values() if args.custom]
    assert "S3CRET" not in repr(registered.inputs)


def test_a_setting_that_nothing_reads_is_refused(deploy: Deploy) -> None:
    """Secret or not, by the first resource."""

    def program() -> None:
        with pytest.raises(pulumi.RunError, match="did you mean strict"):
            ActiveTrustCertificate("signing")

    deploy(program, {"btp-trust:stict": "true"}, ("btp-trust:stict",))


def provided(**settings: object) -> Callable[[], object]:
    """Write a program whose resources have an explicit provider."""

    def program() -> None:
        provider = pulumi.ProviderResource("pulumi-python", "own", {"btp-trust:strict": "true", **settings})
        component = pulumi.ComponentResource("any:of:Them", "all", opts=pulumi.ResourceOptions(providers=[provider]))
        ActiveTrustCertificate("signing", opts=pulumi.ResourceOptions(provider=provider))
        TrustedIdentityProvider(
            "there", connection="there", origin_key="shop", opts=pulumi.ResourceOptions(parent=component)
        )

    return program


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"btp-trust:serviceKey": KEY}, "The property btp-trust:serviceKey is in plain text"),
        ({"serviceKey": KEY}, "The property btp-trust:serviceKey is in plain text"),
        ({"btp-trust:stict": "true"}, "did you mean strict"),
    ],
    ids=["plain", "without its namespace", "misspelt"],
)
def test_an_explicit_provider_is_held_to_the_same(deploy: Deploy, settings: dict[str, str], match: str) -> None:
    """No resource of it is registered, whether it is given to the resource or to a parent; secrets are accepted."""
    with pytest.raises(pulumi.RunError, match=match):
        deploy(provided(**settings))

    secrets = {"btp-trust:serviceKey": pulumi.Output.secret(KEY), "mine": "harmless"}
    assert {"signing", "there"} <= set(deploy(provided(**secrets)).registered)


@pytest.mark.parametrize("kind", PROVIDERS, ids=lambda kind: kind.__name__)
def test_a_provider_is_stored_as_a_tiny_reference(kind: type[pulumi.dynamic.ResourceProvider]) -> None:
    """Pulumi pickles it into the state: a module's and a class's name, and nothing that could grow stale or leak."""
    assert vars(kind()) == {}
    stored = base64.b64decode(serialize_provider(kind()))
    assert len(stored) < 100
    assert b"btp_trust.providers" in stored
    assert kind.__name__.encode() in stored
    assert vars(dill.loads(stored)) == {}  # noqa: S301 - made three lines above
    assert type(pickle.loads(stored)) is kind  # noqa: S301 - the same
    assert serialize_provider(kind()) == serialize_provider(kind())
    assert kind.serialize_as_secret_always is False


def test_a_provider_is_stored_in_the_clear(deploy: Deploy) -> None:
    """Otherwise every preview of a change would hide behind [secret]."""
    stored = deploy(story).registered["next"].inputs["__provider"]
    assert b"PassiveTrustCertificateProvider" in base64.b64decode(stored)


def test_all_names_are_exported() -> None:
    """`__all__` is what is public, in order."""
    public = [name for name, value in vars(btp_trust).items() if inspect.isclass(value)]
    assert btp_trust.__all__ == sorted({*public, *btp_trust._ON_REQUEST, "__version__"})
    assert all(hasattr(btp_trust, name) for name in btp_trust.__all__)


def test_version_is_read_from_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """`__version__` is that of the installed distribution, read when it is asked for."""
    monkeypatch.setattr(metadata, "version", {"btp-trust": "7.8.9"}.__getitem__)
    assert btp_trust.__version__ == "7.8.9"
    assert "__version__" not in vars(btp_trust)


@pytest.mark.parametrize("kind", RESOURCES, ids=lambda kind: kind.__name__)
def test_a_resource_documents_its_arguments_and_outputs(kind: type[pulumi.dynamic.Resource]) -> None:
    """Every argument stands in the docstring, and every output is annotated and described."""
    documented = inspect.getdoc(kind) or ""
    for name in inspect.signature(kind).parameters:
        assert f"{name}: " in documented
    outputs = {name for each in kind.__mro__[:2] for name in each.__annotations__}
    assert outputs >= CERTIFICATE_OUTPUTS | {"subaccount_id", "observed_at"}
    own = "".join(inspect.getsource(each) for each in kind.__mro__[:2])
    for name in outputs:
        _, _, after = own.partition(f"    {name}: pulumi.Output")
        assert after.split("\n", 2)[1].strip().startswith('"""')


def test_a_refused_generation_fails_the_program(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what was found out; another generation than the declared one does not."""
    for failed, fails in (("b", True), ("a", False), (None, False)):
        monkeypatch.setattr(Engine, "outputs", {"failed_generation": failed, "failure": "refused by s4"})
        with pytest.raises(pulumi.RunError, match="refused by s4") if fails else nullcontext():
            deploy(lambda: RotationTrigger("rotation", "b"))


@pytest.mark.parametrize(
    ("kind", "shape", "apart"),
    [
        (ActiveTrustCertificate, ActiveArgs, set()),
        (PassiveTrustCertificate, PassiveArgs, {"resource_urn"}),
        (RotationTrigger, RotationArgs, {"candidate"}),
    ],
)
def test_what_a_resource_takes_is_what_its_provider_reads(
    kind: type, shape: type[ResourceArgs], apart: set[str]
) -> None:
    """No argument is lost on the way, and none shares its name with an output of another value."""
    arguments = set(inspect.signature(kind).parameters) - {"resource_name", "opts"}
    assert arguments ^ set(shape.__struct_fields__) == apart
    assert not arguments & CERTIFICATE_OUTPUTS


def test_the_public_interface_is_documented() -> None:
    """Every module of the package, and every public class, function and method in it."""
    undocumented = []
    for found in pkgutil.walk_packages(btp_trust.__path__, "btp_trust."):
        module = import_module(found.name)
        named = {name: value for name, value in vars(module).items() if not name.startswith("_")}
        own = [value for value in named.values() if getattr(value, "__module__", "") == module.__name__]
        classes = [value for value in own if inspect.isclass(value)]
        methods = [each for kind in classes for name, each in vars(kind).items() if not name.startswith("_")]
        documentable = [each for each in own + methods if inspect.isfunction(each) or inspect.isclass(each)]
        undocumented += [each for each in [module, *documentable] if not each.__doc__]
    assert undocumented == []


@pytest.mark.parametrize("trigger_first", [False, True], ids=["the certificate first", "the trigger first"])
def test_a_trigger_must_know_the_certificate_of_its_connection(deploy: Deploy, *, trigger_first: bool) -> None:
    """Without candidate= the engine runs both in any order, and the one changes what the other was previewed for."""

    def program() -> None:
        if trigger_first:
            RotationTrigger("rotation", "a")
        PassiveTrustCertificate("next", "b")
        if not trigger_first:
            RotationTrigger("rotation", "a")

    with pytest.raises(pulumi.RunError, match="candidate=") as caught:
        deploy(program)
    assert len(str(caught.value).splitlines()) == 3


def test_a_rotation_of_another_connection_is_refused(deploy: Deploy) -> None:
    """It would report what never happens in this subaccount."""

    def program() -> None:
        rotation = RotationTrigger("rotation", "a", connection="eu")
        ActiveTrustCertificate("signing", rotation=rotation)

    with pytest.raises(pulumi.RunError, match="connection=") as caught:
        deploy(program)
    assert len(str(caught.value).splitlines()) == 3


def test_a_second_registration_of_an_origin_key_is_an_error(deploy: Deploy) -> None:
    """On one connection, at construction; what is an output is left to the provider."""

    def program() -> None:
        TrustedIdentityProvider("one", connection="billing", origin_key="shop")
        with pytest.raises(pulumi.RunError, match="A second TrustedIdentityProvider") as caught:
            TrustedIdentityProvider("two", connection="billing", origin_key="shop")
        assert len(str(caught.value).splitlines()) == 3
        TrustedIdentityProvider("other key", connection="billing", origin_key="shop-2")
        TrustedIdentityProvider("other connection", connection="shipping", origin_key="shop")
        TrustedIdentityProvider("output", connection="billing", origin_key=pulumi.Output.from_input("shop"))

    registered = deploy(program).registered
    assert {"one", "other key", "other connection", "output"} <= set(registered)
    assert "two" not in registered


def test_a_registration_needs_the_passive_certificate_of_its_source(deploy: Deploy) -> None:
    """One of another connection is in no slot that it reads; its own arrives as a fingerprint."""

    def foreign() -> None:
        upcoming = PassiveTrustCertificate("next", generation="2028-11", connection="other")
        with pytest.raises(pulumi.RunError, match="source_connection=") as caught:
            TrustedIdentityProvider("billing", connection="billing", origin_key="shop", passive=upcoming)
        assert len(str(caught.value).splitlines()) == 3

    def own() -> None:
        upcoming = PassiveTrustCertificate("next", generation="2028-11", connection="other")
        TrustedIdentityProvider(
            "billing", connection="billing", origin_key="shop", passive=upcoming, source_connection="other"
        )
        TrustedIdentityProvider("shipping", connection="shipping", origin_key="shop")

    deploy(foreign)
    engine = deploy(own)
    assert engine.inputs("billing")["source_connection"] == "other"
    assert engine.inputs("shipping") == {"connection": "shipping", "origin_key": "shop"}
