"""The plan of a registration: from every content of the target, one write leads to the desired one, and rests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from btp_trust.certificate import Certificate, parse_pem
from btp_trust.errors import Refused
from btp_trust.identity_provider.plan import DesiredRegistration, RegistrationStep, decide, find_by_origin_key
from btp_trust.saml.metadata import IdentityProvider, MetadataLayout, write_metadata
from btp_trust_emulator import Emulator
from support.fake_engine import assert_three_part_message


def _made() -> Iterator[Certificate]:
    """Certificates of one subaccount."""
    with Emulator(key_size=1024) as emulator:
        guid = emulator.create_subaccount(generate=True).guid
        for _ in range(3):
            yield parse_pem(str(emulator.certificates(guid)[0]))
            emulator.generate_active(guid)


POOL = tuple(_made())
KEYS = ("shop", "of somebody else", "a third one")
ENTITIES = (POOL[0].issuer_name, "https://idp.example")

certificates = st.lists(st.sampled_from(POOL), min_size=1, max_size=2, unique=True).map(tuple)
layouts = st.sampled_from(MetadataLayout)
documents = st.builds(
    lambda held, entity, layout: write_metadata(held, entity_id=entity, layout=layout),
    certificates,
    st.sampled_from(ENTITIES),
    layouts,
)
settings = st.fixed_dictionaries(
    {},
    optional={
        "metaDataLocation": documents | st.just("https://idp.example/metadata") | st.just("<no metadata"),
        "addShadowUserOnLogin": st.booleans(),
        "linkText": st.text(max_size=3),
    },
)
wanted = st.builds(
    DesiredRegistration, st.just("shop"), st.none() | st.just("Shop"), st.just(ENTITIES[0]), layouts, certificates
)


@st.composite
def landscapes(draw: st.DrawFn) -> tuple[IdentityProvider, ...]:
    """Identity providers of a subaccount, each origin key once."""
    return tuple(
        IdentityProvider(key, key, draw(st.sampled_from(["saml", "oidc1.0"])), draw(names), draw(st.booleans()), config)
        for key in draw(st.sets(st.sampled_from(KEYS)))
        for config in [draw(settings)]
    )


identities = st.none() | st.sampled_from(KEYS)
foreign = st.sampled_from([None, "a deleted one", "of somebody else"])
names = st.sampled_from(["Shop", "shop", "by hand"])


def written(wanted: DesiredRegistration, step: RegistrationStep) -> IdentityProvider:
    """What the service holds after the one write."""
    body: dict[str, Any] = wanted.body(step.provider)
    return IdentityProvider("new", body["originKey"], body["type"], body["name"], body["isActive"], body["config"])


def kept(provider: IdentityProvider) -> dict[str, Any]:
    """The other settings, which a write keeps."""
    return {
        name: value
        for name, value in (provider.config or {}).items()
        if name not in {"metaDataLocation", "idpEntityAlias"}
    }


@given(wanted=wanted, providers=landscapes(), recorded=identities, adopt=identities)
def test_one_write_reaches_desired_state(
    wanted: DesiredRegistration, providers: tuple[IdentityProvider, ...], *, recorded: str | None, adopt: str | None
) -> None:
    """One write leads to the desired registration and keeps other settings, unless a foreign one is in the way."""
    found = find_by_origin_key("shop", providers)
    try:
        step = decide(wanted, providers, recorded=recorded, adopt=adopt)
    except Refused as refusal:
        assert_three_part_message(str(refusal))
        taken = [each for each in providers if each.metadata and each.metadata.entity_id == wanted.entity_id]
        assert found is not None or taken
        return
    if step.sentence is None:
        assert found is not None
        assert list(found.trusted) == wanted.fingerprints
        return
    assert step.provider == found
    now = written(wanted, step)
    assert list(now.trusted) == wanted.fingerprints
    assert found is None or kept(now) == kept(found)
    others = tuple(each for each in providers if each is not found)
    assert decide(wanted, (*others, now), recorded="new", adopt=None).sentence is None


@given(wanted=wanted, providers=landscapes(), signs_first=st.permutations(POOL[:2]))
def test_swap_needs_no_write(
    wanted: DesiredRegistration, providers: tuple[IdentityProvider, ...], signs_first: list[Any]
) -> None:
    """With both certificates registered, a rotation or a rollback needs no write."""
    both = replace(wanted, certificates=POOL[:2])
    others = tuple(each for each in providers if each.origin_key != "shop" and each.metadata is None)
    held = written(both, decide(both, others, recorded=None, adopt=None))
    turned = replace(both, certificates=tuple(signs_first))
    assert decide(turned, (*others, held), recorded="new", adopt=None).sentence is None


@given(wanted=wanted, providers=landscapes(), recorded=foreign, adopt=foreign)
def test_foreign_provider_is_never_adopted(
    wanted: DesiredRegistration, providers: tuple[IdentityProvider, ...], recorded: str | None, adopt: str | None
) -> None:
    """A different identity provider of somebody else stops the command, unless it is inactive with this entity ID."""
    found = find_by_origin_key("shop", providers)
    if found is None or not wanted.differences(found):
        return
    is_left = not found.active and found.metadata is not None and found.metadata.entity_id == wanted.entity_id
    try:
        step = decide(wanted, providers, recorded=recorded, adopt=adopt)
    except Refused:
        return
    assert recorded is None
    assert is_left
    assert "which this resource did not register" in str(step.sentence)
