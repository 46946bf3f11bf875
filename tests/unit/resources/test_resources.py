"""The resources that a program declares: their inputs for the engine, and the refusals before that."""

from __future__ import annotations

import base64
import contextvars
import inspect
import json
import pickle
import pkgutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib import import_module, metadata
from typing import Any, ClassVar, cast

import dill  # type: ignore[import-untyped] # Pulumi reads its states with it
import pulumi
import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.mocks import MockCallArgs, MockResourceArgs, Mocks

import btp_trust
from btp_trust import (
    ActiveTrustCertificate,
    CommunicationSystemTrust,
    PassiveTrustCertificate,
    RotationTrigger,
    TrustedIdentityProvider,
    providers,
)
from btp_trust.active.schema import ActiveArgs
from btp_trust.arguments import ANNOUNCED
from btp_trust.passive.schema import PassiveArgs
from btp_trust.property_bag import ResourceArgs
from btp_trust.resources import registry, rotation
from btp_trust.rotation.schema import RotationArgs
from support import certificates

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
}


@dataclass
class Engine(Mocks):
    """Mocks that record resources, with some outputs of their own."""

    registered: dict[str, MockResourceArgs] = field(default_factory=dict)
    outputs: ClassVar[Mapping[str, Any]] = {}
    """Further outputs of every resource."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Record a resource."""
        self.registered[args.name] = args
        generations = {args.inputs.get("generation", "none"): FINGERPRINT}
        return f"id of {args.name}", {**args.inputs, "subaccount_id": GUID, "generations": generations, **self.outputs}

    def call(self, args: MockCallArgs) -> Any:
        """Fail: these programs call no function."""
        raise NotImplementedError(args.token)

    def inputs(self, name: str) -> dict[str, Any]:
        """Return the inputs from the program, without those from Pulumi."""
        own = self.registered[name].inputs
        return {key: value for key, value in own.items() if key not in {"__provider", "resource_urn"}}

    def urn(self, name: str) -> str:
        """Return the URN in the inputs of a PassiveTrustCertificate."""
        return str(self.registered[name].inputs["resource_urn"])


Deploy = Callable[..., Engine]

# Pulumi's mocks leave an event loop open in each of their threads; whenever it is collected, Python complains.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def deploy(program_loop: None) -> Deploy:  # noqa: ARG001 - the loop is there while programs run
    """Run a program as a deployment of its own, with this configuration, of which these keys are encrypted."""

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


def declare_rotation() -> None:
    """Declare the resources of a rotation."""
    upcoming = PassiveTrustCertificate("next", generation="2028-11")
    rotation = RotationTrigger("rotation", generation="2026-11", candidate=upcoming)
    ActiveTrustCertificate("signing", rotation=rotation)


def test_rotation_program_reaches_engine(deploy: Deploy) -> None:
    """Arguments reach the engine under their names, the candidate as a map, and unset arguments are absent."""
    engine = deploy(declare_rotation)
    assert engine.inputs("next") == {"generation": "2028-11", "warned_by": "RotationTrigger"}
    assert engine.inputs("rotation") == {
        "generation": "2026-11",
        "candidate": {"generation": "2028-11", "generations": {"2028-11": FINGERPRINT}, "subaccount_id": GUID},
    }
    assert engine.inputs("signing") == {"rotation": "2026-11"}


def test_one_resource_warns(deploy: Deploy) -> None:
    """The one that knows most, also if the program declares it later, or without `rotation`."""

    def declare(*kinds: type) -> Engine:
        def program() -> None:
            upcoming = None
            for kind in kinds:
                if kind is PassiveTrustCertificate:
                    upcoming = PassiveTrustCertificate("next", "2028-11")
                elif kind is RotationTrigger:
                    RotationTrigger("rotation", "2026-11", candidate=upcoming)
                else:
                    ActiveTrustCertificate("signing")

        return deploy(program)

    assert "warned_by" not in declare(ActiveTrustCertificate).inputs("signing")
    assert "warned_by" not in declare(PassiveTrustCertificate).inputs("next")
    both = declare(ActiveTrustCertificate, PassiveTrustCertificate)
    assert both.inputs("signing")["warned_by"] == "PassiveTrustCertificate"
    every = declare(ActiveTrustCertificate, PassiveTrustCertificate, RotationTrigger)
    assert [every.inputs(name)["warned_by"] for name in ("signing", "next")] == ["RotationTrigger"] * 2


def test_all_arguments_reach_engine(deploy: Deploy) -> None:
    """All arguments reach the engine, a named connection included."""
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
        inputs = {key: value for key, value in engine.inputs(name).items() if key not in ("candidate", "warned_by")}
        assert inputs == {**arguments, **common}


def test_default_connection_is_left_out(deploy: Deploy) -> None:
    """The default connection is left out of the inputs, so that writing it out changes nothing."""

    def program() -> None:
        upcoming = PassiveTrustCertificate("next", "b", connection="default")
        RotationTrigger("rotation", "a", connection="default", candidate=upcoming)
        ActiveTrustCertificate("signing", connection="default")

    engine = deploy(program)
    assert not [name for name in engine.registered if "connection" in engine.inputs(name)]


def test_type_tokens_are_frozen(deploy: Deploy) -> None:
    """The type tokens are a wire format."""
    engine = deploy(declare_rotation)
    assert {name: args.typ for name, args in engine.registered.items() if args.custom} == {
        "next": "pulumi-python:dynamic/btp-trust:PassiveTrustCertificate",
        "rotation": "pulumi-python:dynamic/btp-trust:RotationTrigger",
        "signing": "pulumi-python:dynamic/btp-trust:ActiveTrustCertificate",
    }


def test_passive_certificate_sends_its_urn(deploy: Deploy) -> None:
    """The URN in the inputs equals the engine's, within a component too: the error of a deletion names it."""
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
    """Return a URN as the engine writes it; the mocks put the type of the stack before that of some resources."""
    return urn.replace("pulumi:pulumi:Stack$", "")


@pytest.mark.parametrize("kind", [PassiveTrustCertificate, RotationTrigger], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({}, {}, id="on the default connection"),
        pytest.param({}, {"connection": "default"}, id="on the default connection, written out once"),
        pytest.param({"connection": "eu"}, {"connection": "eu"}, id="on another connection"),
    ],
)
def test_duplicate_on_connection_is_refused(
    deploy: Deploy, kind: Callable[..., object], first: dict[str, str], second: dict[str, str]
) -> None:
    """A second resource of a kind on one connection is refused when it is constructed."""

    def program() -> None:
        kind("one", generation="a", **first)
        with pytest.raises(pulumi.RunError, match="A second") as caught:
            kind("two", generation="b", **second)
        lines = str(caught.value).splitlines()
        assert len(lines) == 3
        assert "connection=" in lines[-1]

    assert "two" not in deploy(program).registered


def test_connections_and_programs_are_separate(deploy: Deploy) -> None:
    """Other connections and later programs of the process may declare the same resources."""

    def program() -> None:
        for connection in ("default", "eu"):
            upcoming = PassiveTrustCertificate(f"next {connection}", "b", connection=connection)
            RotationTrigger(f"rotation {connection}", "a", connection=connection, candidate=upcoming)

    for _ in range(2):
        assert len([args for args in deploy(program).registered.values() if args.custom]) == 4


def test_several_active_certificates_are_allowed(deploy: Deploy) -> None:
    """Several ActiveTrustCertificates are allowed, for they change nothing."""

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
def test_plain_service_key_is_refused(deploy: Deploy, setting: str, kind: str) -> None:
    """Each resource refuses a service key in plain text, with the command that encrypts it, and hides it."""

    def program() -> None:
        with pytest.raises(pulumi.RunError, match="plain text") as caught:
            DECLARE[kind]()
        assert f"pulumi config set --secret {setting}" in str(caught.value).splitlines()[-1]
        assert "S3CRET" not in str(caught.value)

    deploy(program, {setting: KEY})


@pytest.mark.parametrize("kind", DECLARE)
@pytest.mark.parametrize("setting", SECRETS)
def test_encrypted_service_key_is_accepted(deploy: Deploy, setting: str, kind: str) -> None:
    """An encrypted service key is accepted, and stays out of the inputs."""
    engine = deploy(DECLARE[kind], {setting: KEY}, (setting,))
    (registered,) = [args for args in engine.registered.values() if args.custom]
    assert "S3CRET" not in repr(registered.inputs)


def test_unknown_setting_is_refused(deploy: Deploy) -> None:
    """The first resource refuses an unknown setting, encrypted or not."""

    def program() -> None:
        with pytest.raises(pulumi.RunError, match="did you mean strict"):
            ActiveTrustCertificate("signing")

    deploy(program, {"btp-trust:stict": "true"}, ("btp-trust:stict",))


def program_with_provider(**settings: object) -> Callable[[], object]:
    """Return a program whose resources have an explicit provider."""

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
def test_explicit_provider_is_checked(deploy: Deploy, settings: dict[str, str], match: str) -> None:
    """Properties of an explicit provider, also that of a parent, are checked before a resource is registered."""
    with pytest.raises(pulumi.RunError, match=match):
        deploy(program_with_provider(**settings))

    secrets = {"btp-trust:serviceKey": pulumi.Output.secret(KEY), "mine": "harmless"}
    assert {"signing", "there"} <= set(deploy(program_with_provider(**secrets)).registered)


@pytest.mark.parametrize("kind", PROVIDERS, ids=lambda kind: kind.__name__)
def test_pickled_provider_is_a_reference(kind: type[pulumi.dynamic.ResourceProvider]) -> None:
    """The pickle of a provider in the state has only the names of module and class."""
    assert vars(kind()) == {}
    stored = base64.b64decode(serialize_provider(kind()))
    assert len(stored) < 100
    assert b"btp_trust.providers" in stored
    assert kind.__name__.encode() in stored
    assert vars(dill.loads(stored)) == {}  # noqa: S301 - made three lines above
    assert type(pickle.loads(stored)) is kind  # noqa: S301 - the same
    assert serialize_provider(kind()) == serialize_provider(kind())
    assert kind.serialize_as_secret_always is False


def test_pickled_provider_is_unencrypted(deploy: Deploy) -> None:
    """The pickled provider is unencrypted, for it would hide each preview behind [secret]."""
    stored = deploy(declare_rotation).registered["next"].inputs["__provider"]
    assert b"PassiveTrustCertificateProvider" in base64.b64decode(stored)


def test_all_lists_public_names() -> None:
    """`__all__` lists the public names in order, and each of them exists."""
    assert btp_trust.__all__ == sorted({*btp_trust._MODULES, "__version__"})
    assert all(hasattr(btp_trust, name) for name in btp_trust.__all__)


def test_version_is_read_from_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    """`__version__` is that of the installed distribution, read when it is asked for."""
    monkeypatch.setattr(metadata, "version", {"btp-trust": "7.8.9"}.__getitem__)
    assert btp_trust.__version__ == "7.8.9"
    assert "__version__" not in vars(btp_trust)


@pytest.mark.parametrize("kind", RESOURCES, ids=lambda kind: kind.__name__)
def test_arguments_and_outputs_are_documented(kind: type[pulumi.dynamic.Resource]) -> None:
    """The docstring has each argument, and each output is annotated and described."""
    documented = inspect.getdoc(kind) or ""
    for name in inspect.signature(kind).parameters:
        assert f"{name}: " in documented
    outputs = {name for owner in kind.__mro__[:2] for name in owner.__annotations__}
    assert outputs >= CERTIFICATE_OUTPUTS | {"subaccount_id", "observed_at"}
    own = "".join(inspect.getsource(owner) for owner in kind.__mro__[:2])
    for name in outputs:
        _, _, after = own.partition(f"    {name}: pulumi.Output")
        assert after.split("\n", 2)[1].strip().startswith('"""')


def test_rejected_generation_fails_program(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program fails with the evidence if the declared generation was rejected, and only then."""
    for failed, fails in (("b", True), ("a", False), (None, False)):
        monkeypatch.setattr(Engine, "outputs", {"failed_generation": failed, "failure": "refused by s4"})
        with pytest.raises(pulumi.RunError, match="refused by s4") if fails else nullcontext():
            deploy(lambda: RotationTrigger("rotation", "b"))


@pytest.mark.parametrize(
    ("kind", "shape", "apart"),
    [
        (ActiveTrustCertificate, ActiveArgs, {"warned_by"}),
        (PassiveTrustCertificate, PassiveArgs, {"resource_urn", "retain_on_delete", "warned_by"}),
        (RotationTrigger, RotationArgs, {"candidate"}),
    ],
)
def test_resource_and_provider_share_arguments(kind: type, shape: type[ResourceArgs], apart: set[str]) -> None:
    """A resource takes exactly the arguments that its provider reads; outputs have other names."""
    arguments = set(inspect.signature(kind).parameters) - {"resource_name", "opts"}
    assert arguments ^ set(shape.__struct_fields__) == apart
    assert not arguments & CERTIFICATE_OUTPUTS


def test_public_interface_is_documented() -> None:
    """All modules of the package, and their public classes, functions and methods, have docstrings."""
    undocumented = []
    for info in pkgutil.walk_packages(btp_trust.__path__, "btp_trust."):
        module = import_module(info.name)
        named = {name: value for name, value in vars(module).items() if not name.startswith("_")}
        own = [value for value in named.values() if getattr(value, "__module__", "") == module.__name__]
        classes = [value for value in own if inspect.isclass(value)]
        methods = [member for kind in classes for name, member in vars(kind).items() if not name.startswith("_")]
        documentable = [member for member in own + methods if inspect.isfunction(member) or inspect.isclass(member)]
        undocumented += [member for member in [module, *documentable] if not member.__doc__]
    assert undocumented == []


@pytest.mark.parametrize("trigger_first", [False, True], ids=["the certificate first", "the trigger first"])
def test_trigger_requires_its_candidate(deploy: Deploy, *, trigger_first: bool) -> None:
    """A trigger and a passive certificate of one connection require candidate=, which orders them."""

    def program() -> None:
        if trigger_first:
            RotationTrigger("rotation", "a")
        PassiveTrustCertificate("next", "b")
        if not trigger_first:
            RotationTrigger("rotation", "a")

    with pytest.raises(pulumi.RunError, match="candidate=") as caught:
        deploy(program)
    assert len(str(caught.value).splitlines()) == 3


def test_rotation_of_other_connection_is_refused(deploy: Deploy) -> None:
    """`rotation=` of another connection is refused, for it swaps in another subaccount."""

    def program() -> None:
        rotation = RotationTrigger("rotation", "a", connection="eu")
        ActiveTrustCertificate("signing", rotation=rotation)

    with pytest.raises(pulumi.RunError, match="connection=") as caught:
        deploy(program)
    assert len(str(caught.value).splitlines()) == 3


def test_duplicate_origin_key_is_refused(deploy: Deploy) -> None:
    """A duplicate origin key on a connection is refused when it is constructed; check compares outputs."""

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


def test_duplicate_block_is_refused(deploy: Deploy) -> None:
    """A second resource for a block of a system is refused when it is constructed; check compares outputs."""

    def program() -> None:
        CommunicationSystemTrust("one", connection="s4", system="SHOP")
        with pytest.raises(pulumi.RunError, match="A second CommunicationSystemTrust") as caught:
            CommunicationSystemTrust("two", connection="s4", system="SHOP", block="oauth2")
        assert len(str(caught.value).splitlines()) == 3
        CommunicationSystemTrust("other block", connection="s4", system="SHOP", block="saml-bearer")
        CommunicationSystemTrust("output", connection="s4", system=pulumi.Output.from_input("SHOP"))

    registered = deploy(program).registered
    assert {"one", "other block", "output"} <= set(registered)
    assert "two" not in registered


def test_system_gets_certificate_and_switch(deploy: Deploy) -> None:
    """An ActiveTrustCertificate stands for its PEM; a resource that is declared later switches the system over."""

    def program() -> None:
        signing = ActiveTrustCertificate("signing")
        one = CommunicationSystemTrust("one", connection="s4", system="SHOP", certificate=signing)
        CommunicationSystemTrust("two", connection="s4", system="HR", certificate="PEM")
        RotationTrigger("rotation", generation="2026-11", switches=[one])

    registered = deploy(program).registered
    assert registered["one"].inputs["switched_by"] == "RotationTrigger"
    assert "switched_by" not in registered["two"].inputs
    assert registered["two"].inputs["certificate"] == "PEM"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda system: system,
        lambda _: "s4",
        lambda _: [None],
        lambda system: {"s4": system},
        lambda system: [pulumi.Output.from_input(system)],
        lambda system: pulumi.Output.from_input([system]),
        lambda system: (each for each in [system]),
    ],
)
def test_switches_are_resources(deploy: Deploy, wrap: Callable[[CommunicationSystemTrust], Any]) -> None:
    """Anything else than a list of the resources is refused: it would lose what orders the two."""

    def program() -> None:
        system = CommunicationSystemTrust("s4", connection="s4", system="SHOP")
        with pytest.raises(pulumi.RunError, match="`switches` cannot be used") as caught:
            RotationTrigger("rotation", generation="2026-11", switches=wrap(system))
        assert len(str(caught.value).splitlines()) == 3

    assert "rotation" not in deploy(program).registered


def test_registration_requires_passive_of_source(deploy: Deploy) -> None:
    """`passive=` of another connection is refused; that of the source becomes its name."""

    def declare_foreign() -> None:
        upcoming = PassiveTrustCertificate("next", generation="2028-11", connection="other")
        with pytest.raises(pulumi.RunError, match="source_connection=") as caught:
            TrustedIdentityProvider("billing", connection="billing", origin_key="shop", passive=upcoming)
        assert len(str(caught.value).splitlines()) == 3

    def declare_own() -> None:
        upcoming = PassiveTrustCertificate("next", generation="2028-11", connection="other")
        TrustedIdentityProvider(
            "billing", connection="billing", origin_key="shop", passive=upcoming, source_connection="other"
        )
        TrustedIdentityProvider("shipping", connection="shipping", origin_key="shop")

    deploy(declare_foreign)
    engine = deploy(declare_own)
    assert engine.inputs("billing")["source_connection"] == "other"
    assert engine.inputs("shipping") == {"connection": "shipping", "origin_key": "shop"}


def test_page_of_a_system_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each system that a step has left behind is shown as a page with the certificate; without one, nothing is."""
    shown: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda text, _resource: shown.append(text))
    certificate = certificates.certificate()
    rotation._show_pages(cast("Any", None), None, certificate, "acme (00000000)")
    assert shown == []
    rotation._show_pages(cast("Any", None), ["erp/BTP (oauth2)"], certificate, "acme (00000000)")
    (page,) = shown
    assert "erp/BTP (oauth2)" in page
    assert page.endswith(certificate)


def announced(engine: Engine, name: str) -> Any:
    """Return the connections that a resource announces; None for one that announces nothing."""
    text = engine.registered[name].inputs.get(ANNOUNCED)
    return None if text is None else json.loads(text)


@pytest.fixture
def announcing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs announce their connections, as they do outside of mocks."""
    monkeypatch.setattr(registry, "_is_mocked", lambda: False)


@pytest.mark.usefixtures("announcing")
def test_each_provider_learns_of_its_own_connections(deploy: Deploy) -> None:
    """An explicit provider runs in a process of its own, whose settings lack the keys of the other resources."""

    def program() -> None:
        own = pulumi.ProviderResource("pulumi-python", "own", {})
        component = pulumi.ComponentResource("any:of:Them", "all", opts=pulumi.ResourceOptions(providers=[own]))
        ActiveTrustCertificate("usual", connection="a")
        ActiveTrustCertificate("explicit", connection="b", opts=pulumi.ResourceOptions(provider=own))
        ActiveTrustCertificate("inherited", connection="c", opts=pulumi.ResourceOptions(parent=component))
        with pytest.raises(pulumi.RunError, match="cannot be imported"):
            ActiveTrustCertificate("refused", connection="d", opts=pulumi.ResourceOptions(import_="an ID"))

    engine = deploy(program)
    assert announced(engine, "usual") == {"a": 1, "d": 1}
    assert announced(engine, "explicit") == announced(engine, "inherited") == {"b": 1, "c": 1}


@pytest.mark.usefixtures("announcing")
def test_first_registered_resources_announce(deploy: Deploy) -> None:
    """The first eight of a program wait for the last one, which the engine gets first: it names all connections."""

    def program() -> None:
        declared: list[ActiveTrustCertificate] = []

        async def name_of_last() -> str:
            return f"after {await declared[-1].id.future()}"

        for number in range(8):
            name: pulumi.Output[str] = pulumi.Output.from_input(name_of_last())
            declared.append(ActiveTrustCertificate(f"r{number}", connection=f"c{number}", display_name=name))
        declared.append(ActiveTrustCertificate("last", connection="c8"))

    engine = deploy(program)
    assert announced(engine, "last") == {f"c{number}": 1 for number in range(9)}
