"""The guard of the public functions: the values that it searches, and its messages."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pulumi
import pytest

from btp_trust import ActiveTrustCertificate, Attested, HandOver, SwitchesAtRotation, Target, hand_over, write_hand_over
from btp_trust.errors import SecretGiven, UnreadableState
from btp_trust.property_bag import from_bag
from btp_trust.rotation.schema import RotationInputs
from btp_trust.secret_guard.guard import refuse_secrets
from support.secret_samples import CERTIFICATE, PEMS, SERVICE_KEY, TOKENS


@pytest.mark.parametrize(
    ("secret", "kind", "remedy"),
    [
        (PEMS["PKCS#8"], "a private key", "Give the certificate alone"),
        (TOKENS["JWT"], "a token", "btp-trust:userToken"),
        (SERVICE_KEY["clientsecret"], "credentials", "connection= takes a name"),
    ],
    ids=["private key", "token", "credentials"],
)
def test_refusal_names_argument_and_remedy(secret: str, kind: str, remedy: str) -> None:
    """The refusal names the argument, the kind of secret and the remedy, and leaves the property out."""
    with pytest.raises(SecretGiven) as caught:
        refuse_secrets({"harmless": "one", "adopt": secret})

    what, _, last = str(caught.value).splitlines()
    assert what.startswith(f"`adopt` holds {kind}")
    assert remedy in last
    assert "renew it" in last
    assert caught.value.prop == ""


def test_secret_as_name_is_hidden() -> None:
    """A secret that is the name of an argument (`**json.load(…)`) is refused and hidden."""
    with pytest.raises(SecretGiven) as caught:
        refuse_secrets({SERVICE_KEY["clientsecret"]: "one"})

    assert "The name of an argument holds credentials." in str(caught.value)
    assert SERVICE_KEY["clientsecret"] not in str(caught.value)


def test_values_of_package_are_searched() -> None:
    """The package's own values are searched, paths and changed dataclasses included."""
    attested = Attested("one", by="jane", on="2028-11-20")
    object.__setattr__(attested, "by", PEMS["PKCS#1"])
    target = Target("s4", "communication-system", system="s4.example")
    content = HandOver.of(target, certificate=CERTIFICATE)

    refuse_secrets({"good": [content, target, SwitchesAtRotation("HR"), Path("trust/s4.yaml"), Target]})
    for value in ([{"s4": attested}], Path(SERVICE_KEY["clientsecret"])):
        with pytest.raises(SecretGiven):
            refuse_secrets({"trusted_by": value})


@pytest.mark.parametrize(
    "opts",
    [
        pulumi.ResourceOptions(ignore_changes=["generation", SERVICE_KEY["clientsecret"]]),
        pulumi.ResourceOptions(replacement_trigger={"one": [PEMS["PKCS#8"]]}),
        pulumi.ResourceOptions(aliases=["one", pulumi.Alias(name=TOKENS["JWT"])]),
        pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create=SERVICE_KEY["clientsecret"])),
        pulumi.ResourceOptions(plugin_download_url="https://jane:correct-horse@plugins.example"),
        pulumi.ResourceOptions(import_=SERVICE_KEY["clientsecret"]),
    ],
    ids=["ignore_changes", "replacement_trigger", "aliases", "custom_timeouts", "plugin_download_url", "import_"],
)
def test_resource_options_are_searched(opts: pulumi.ResourceOptions) -> None:
    """Resource options are searched, for Pulumi keeps them in the state."""
    with pytest.raises(SecretGiven, match="`opts` holds"):
        ActiveTrustCertificate("signing", opts=opts)

    refuse_secrets({"opts": pulumi.ResourceOptions(ignore_changes=["*"], protect=True, version="1.2.3")})


@pytest.mark.parametrize(
    "value",
    [SimpleNamespace(key=PEMS["PKCS#8"]), OSError(PEMS["PKCS#8"]), b"0\x82\x04\xbe\x02\x01\x00\x30"],
    ids=["object", "error", "octets"],
)
@pytest.mark.usefixtures("program_loop")
def test_repr_of_other_types_is_searched(value: object) -> None:
    """The `repr` of other types is searched, for messages would show it; outputs pass."""
    with pytest.raises(SecretGiven):
        Target("s4", "communication-system", system=value)  # type: ignore[arg-type]

    refuse_secrets({"one": [pulumi.Output.from_input("one"), object(), date(2028, 11, 20), None, 1.5]})


def test_hand_over_refuses_private_keys(tmp_path: Path) -> None:
    """A file with certificate and key is refused in each function of hand-over."""
    target = Target("s4", "communication-system", system="s4.example")
    both = CERTIFICATE + PEMS["PKCS#8"]

    with pytest.raises(SecretGiven, match="`certificate` holds a private key"):
        HandOver.of(target, certificate=both)
    with pytest.raises(SecretGiven, match="`replaces` holds a private key"):
        hand_over(target, certificate=CERTIFICATE, replaces=both)
    with pytest.raises(SecretGiven, match="`folder` holds"):
        write_hand_over(HandOver.of(target, certificate=CERTIFICATE), tmp_path / SERVICE_KEY["clientsecret"])


def test_secret_in_attestation_file_is_hidden(tmp_path: Path) -> None:
    """An attestation file with a secret is refused by its name; the content is hidden."""
    file = tmp_path / "s4.yaml"
    file.write_text(f"{SERVICE_KEY['clientsecret']}: one\n")

    with pytest.raises(pulumi.RunError) as caught:
        Attested.from_file(file)

    assert f"`{file}` holds credentials." in str(caught.value)
    assert SERVICE_KEY["clientsecret"] not in str(caught.value)


def test_unreadable_state_hides_secrets() -> None:
    """The error of an unreadable state quotes harmless values only."""
    bag = {"connection": "one", "generation": "a", "fingerprint": "b"}

    with pytest.raises(UnreadableState) as caught:
        from_bag({**bag, "on_drift": PEMS["PKCS#8"].replace("\n", " ")}, RotationInputs)
    with pytest.raises(UnreadableState, match="Invalid enum value 'else'"):
        from_bag({**bag, "on_drift": "else"}, RotationInputs)

    assert "PRIVATE KEY" not in str(caught.value)
    assert "A value is of another kind." in str(caught.value)
