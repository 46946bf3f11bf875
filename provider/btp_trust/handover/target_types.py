"""The documented types of targets: formats, fields, steps, and how many certificates fit.

Summarized from the pages of SAP's documentation that each type names in `sources`; `UNKNOWN` marks what they leave
open. Placeholders in the texts: `{system}`, `{entry}`, `{issuer}`, and the names of files: `{upload}` is uploaded now,
`{only}` has the new certificate alone, and `{old}` has the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec


class Capacity(StrEnum):
    """How many signing certificates an entry of the target can hold."""

    TWO = "two"
    ONE = "one"
    UNKNOWN = "unknown"


class FileFormat(StrEnum):
    """The file format in which a target takes a certificate."""

    PEM = "pem"
    """A PEM file: 64 columns, line feeds."""
    BODY = "body"
    """Base64 in one line, without the lines BEGIN and END, to paste into a field."""
    CER = "cer"
    """The same as a file to upload."""
    METADATA = "metadata"
    """SAML 2.0 metadata in the layout of SAP's template, one or two certificates."""
    JSON = "json"
    """The fragment `saml2Configuration.certificatesForSigning` of SAP Cloud Identity Services' API."""


class TargetType(msgspec.Struct, frozen=True, kw_only=True):
    """One type of target."""

    title: str
    forms: tuple[FileFormat, ...]
    """The first one is the one to upload by hand."""
    holds: Capacity
    capacity_evidence: str
    """What SAP's documentation says about that."""
    has_clients: bool = False
    fields: Mapping[str, str]
    """{label on the screen: value to enter}."""
    open: str
    """How to get to the entry."""
    add: str = ""
    """How to add the certificate beside the old one; empty if there is no room."""
    replace: str = ""
    """How to replace the old one; empty if there is always room for two."""
    check: str
    """Where to see the certificate afterwards."""
    remove: str
    """How to remove the old one."""
    sources: tuple[str, ...]


TARGET_TYPES: Final[Mapping[str, TargetType]] = MappingProxyType(
    {
        "communication-system": TargetType(
            title="a communication system of SAP S/4HANA Cloud or the SAP BTP ABAP environment",
            forms=(FileFormat.PEM,),
            holds=Capacity.UNKNOWN,
            capacity_evidence="SAP's pages describe one upload and do not say what it does to an earlier certificate.",
            has_clients=True,
            fields={
                '"SAML Bearer Issuer" ("Provider Name" in other releases)': "{issuer}",
                '"Upload Signing Certificate"': "{upload}",
            },
            open='Sign in to {system} and open the app "Communication Systems", there {entry}, and in it "SAML Bearer '
            'Assertion Provider" ("OAuth 2.0 Identity Provider" in other releases), which is switched on.',
            add='Choose "Upload Signing Certificate", take {upload}, make sure that the old certificate is still there '
            "and that the issuer is still {issuer}, and save.",
            replace='Choose "Upload Signing Certificate", take {upload}, make sure that the issuer is still {issuer}, '
            "and save.",
            check='The communication system, "Signing Certificate": validity, subject and issuer. Open it again first.',
            remove='In the app "Communication Systems", open {entry} and take the old signing certificate out.',
            sources=(
                "Configuration Tasks (user propagation between S/4HANA Cloud and Cloud Foundry)",
                "How to Create Communication Systems",
                "Creating a Communication System for SAP Business Application Studio",
            ),
        ),
        "abap-on-premise": TargetType(
            title="an ABAP system on premise",
            forms=(FileFormat.PEM,),
            holds=Capacity.TWO,
            capacity_evidence="A trusted provider has a primary and a secondary signing certificate "
            "(SAP Note 2462389).",
            has_clients=True,
            fields={
                'Name of the trusted provider (transaction SAML2, "Trusted Providers")': "{issuer}",
                '"Secondary Signing Certificate"': "{upload}",
            },
            open='Sign in to {system}, start transaction SAML2, and open "Trusted Providers", there {entry} (of type '
            '"OAuth 2.0 Identity Providers" if it serves OAuth), and its tab "Signature and Encryption".',
            add='Choose "Edit", browse for {upload} under "Secondary Signing Certificate", and save. The primary '
            "certificate stays the old one until the swap.",
            check='"Signature and Encryption" of the trusted provider, "Details" of the secondary certificate; also '
            'transaction STRUST, "SSF SAML2 Service Provider", signature.',
            remove='In transaction SAML2, open {entry}, "Signature and Encryption": make the new certificate the '
            "primary one, and remove the old one from the secondary place.",
            sources=(
                "SAP Note 2462389, SAML 2.0: renew the IdP's signing certificate on NetWeaver ABAP without downtime",
            ),
        ),
        "successfactors": TargetType(
            title="an OAuth2 client application of SAP SuccessFactors",
            forms=(FileFormat.BODY,),
            holds=Capacity.ONE,
            capacity_evidence="A client application has one field for the certificate. A second client has another API "
            "key, so the destination would have to change with it.",
            fields={'"X.509 Certificate"': "the content of {upload}"},
            open='In the Admin Center of company {system}, open "Manage OAuth2 Client Applications", and there '
            "{entry} for editing. Do not register a new one: its API key is another one.",
            replace='Replace what stands in "X.509 Certificate" by the content of {upload}, and save.',
            check='"View" of the client application: the certificate that it shows. SuccessFactors may ignore an '
            "expiry date, so a call that succeeds with the old certificate is inconclusive.",
            remove="There is nothing to remove: the new certificate has replaced the old one.",
            sources=("Configuring the Extension Application's Connectivity to SAP SuccessFactors",),
        ),
        "cloud-for-customer": TargetType(
            title="an OAuth 2.0 identity provider of SAP Cloud for Customer",
            forms=(FileFormat.CER,),
            holds=Capacity.UNKNOWN,
            capacity_evidence='There is a "Primary Signing Certificate"; SAP\'s page names no second one, and does not '
            "say that there is none.",
            fields={'"Issuing Entity Name"': "{issuer}", '"Primary Signing Certificate"': "{upload}"},
            open='Sign in to {system} as an administrator, open "Administrator", "Common Tasks", "Configure OAuth 2.0 '
            'Identity Provider", and there {entry}.',
            add="Upload {upload} as a second signing certificate, leave the primary one as it is, and submit.",
            replace='Upload {upload} as "Primary Signing Certificate", and submit.',
            check='"Configure OAuth 2.0 Identity Provider", opened again: the certificate of the provider.',
            remove='In "Configure OAuth 2.0 Identity Provider", open {entry} and take the old certificate out.',
            sources=("Configure OAuth Identity Provider in SAP Cloud for Customer",),
        ),
        "neo": TargetType(
            title="a subaccount of the SAP BTP Neo environment",
            forms=(FileFormat.BODY,),
            holds=Capacity.UNKNOWN,
            capacity_evidence='SAP\'s pages show one field, "Signing Certificate", and do not say whether it takes '
            "two.",
            fields={
                '"Name"': "{issuer}",
                '"Signing Certificate"': "the content of {upload}",
                '"Only for IDP-initiated SSO"': "marked",
            },
            open='In the cockpit of subaccount {system}, open "Security", "Trust", "Application Identity Provider", '
            "there {entry}.",
            add="Add the content of {upload} as a second signing certificate, leave the first one as it is, and save.",
            replace='Put the content of {upload} into "Signing Certificate" in place of the old one, and save.',
            check='"Application Identity Provider", opened again: the content of "Signing Certificate".',
            remove='In "Application Identity Provider", open {entry}, and take the old certificate out.',
            sources=(
                "Principal Propagation from the Multi-Cloud Foundation to the Neo Environment",
                "Application Identity Provider",
            ),
        ),
        "ias-identity-provider": TargetType(
            title="a corporate identity provider in SAP Cloud Identity Services",
            forms=(FileFormat.PEM, FileFormat.JSON),
            holds=Capacity.TWO,
            capacity_evidence="Up to two signing certificates, both accepted while they are valid.",
            fields={'"Name"': "{issuer}", '"Signing Certificate"': "{upload}"},
            open='In the administration console of {system}, open "Identity Providers", "Corporate Identity '
            'Providers", there {entry}, and in it "SAML 2.0 Configuration".',
            add='Under "Signing Certificate", choose "Add", take {upload}, leave the old one the default, and save.',
            check='"SAML 2.0 Configuration": both certificates with their validity; or what the API returns as '
            "certificatesForSigning.",
            remove='In "SAML 2.0 Configuration" of {entry}, make the new certificate the default, and delete the old '
            "one.",
            sources=("Configure Trust with SAML 2.0 Corporate Identity Provider",),
        ),
        "ias-application": TargetType(
            title="an application in SAP Cloud Identity Services",
            forms=(FileFormat.PEM, FileFormat.JSON),
            holds=Capacity.TWO,
            capacity_evidence="Up to two signing certificates for each application, both accepted while they are "
            "valid.",
            fields={'"Signing Certificate"': "{upload}"},
            open='In the administration console of {system}, open "Applications and Resources", "Applications", there '
            '{entry}, its tab "Trust", "SAML 2.0 Configuration", "Certificates".',
            add='Under "Signing Certificate", choose "Add", take {upload}, leave the old one the default, and save.',
            check='"Certificates" of the application: both with their validity; or what the API returns as '
            "certificatesForSigning.",
            remove='In "Certificates" of {entry}, make the new certificate the default, and delete the old one.',
            sources=("Configure Signing Certificates and Certificate Options",),
        ),
        "subaccount": TargetType(
            title="a SAML trust configuration of another subaccount",
            forms=(FileFormat.METADATA,),
            holds=Capacity.UNKNOWN,
            capacity_evidence="SAP's template of the metadata has one certificate; the open-source UAA trusts two, and "
            "what XSUAA makes of them is not documented.",
            fields={"Metadata": "the content of {upload}", '"Available for User Logon"': "not marked"},
            open='In the cockpit of subaccount {system}, open "Security", "Trust Configuration", there {entry}.',
            add='Put the content of {upload} in place of the metadata, choose "Parse", make sure that it takes both '
            'certificates, leave "Available for User Logon" unmarked, and save.',
            replace='Put the content of {only} in place of the metadata, choose "Parse", leave "Available for User '
            'Logon" unmarked, and save.',
            check='"Trust Configuration", opened again: its metadata; or GET /sap/rest/identity-providers of the '
            "subaccount's XSUAA.",
            remove='In "Trust Configuration", open {entry}, put the content of {only} in place of the metadata, '
            'choose "Parse", and save.',
            sources=("User Propagation between Cloud Foundry Applications",),
        ),
    }
)
