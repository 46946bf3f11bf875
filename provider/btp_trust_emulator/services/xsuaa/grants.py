"""The grants by which a subaccount's token server learns for which user a token is (RFC 6749, 7522 and 7523).

Users authenticate by their password, by a token that they have already, or by an assertion of an identity provider
that the subaccount trusts. The bodies of rejections are those of the Cloud Foundry UAA. A grant gets the alias in the
path of the request, or None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btp_trust_emulator.backend.account import User, entity_id
from btp_trust_emulator.backend.service_keys import token_service_url
from btp_trust_emulator.saml.rules import RejectionReason
from btp_trust_emulator.saml.validation import AssertionRejected, RelyingParty
from btp_trust_emulator.services import bearer_assertion, oauth
from btp_trust_emulator.services.xsuaa import bearer_grant, tokens
from btp_trust_emulator.switches import Bearer, MetadataCertificates, Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from btp_trust_emulator.backend.account import Account
    from btp_trust_emulator.backend.identity_provider import IdentityProvider
    from btp_trust_emulator.backend.landscape import Landscape
    from btp_trust_emulator.messages import Response
    from btp_trust_emulator.saml.metadata import IdpMetadata

    Grant = Callable[[Landscape, Account, Mapping[str, str], str | None], "AuthenticatedUser | Response"]


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """The user whom a grant authenticates, and the note in the journal."""

    user: User
    note: str | None = None


def _password(_: Landscape, account: Account, form: Mapping[str, str], __: str | None) -> AuthenticatedUser | Response:
    user = account.user(form.get("username", ""))
    if user is None or not oauth.is_same_secret(form.get("password", ""), user.password or ""):
        return oauth.unauthorized_response("unauthorized", "Bad credentials")
    return AuthenticatedUser(user)


def _jwt_bearer(
    landscape: Landscape, account: Account, form: Mapping[str, str], _: str | None
) -> AuthenticatedUser | Response:
    """Accept a token of this subaccount's server for one of its users, issued to any client."""
    claims = tokens.parse_token(landscape.token_key, form.get("assertion", ""))
    if claims is None or claims.expires <= landscape.clock.now() or claims.subaccount != account.guid:
        return oauth.unauthorized_response("invalid_token", "The assertion is not a valid token of this server")
    user = account.user(claims.all.get("user_name", ""), claims.all.get("origin", ""))
    return (
        AuthenticatedUser(user) if user else oauth.unauthorized_response("invalid_token", "The assertion names no user")
    )


def _saml2_bearer(
    landscape: Landscape, account: Account, form: Mapping[str, str], alias: str | None
) -> AuthenticatedUser | Response:
    version = landscape.switches.bearer
    if not form.get("assertion"):
        return oauth.unauthorized_response("unauthorized", bearer_grant.MISSING_ASSERTION)
    if version is not Bearer.CURRENT and alias != entity_id(account):
        return oauth.unauthorized_response(
            "unauthorized", bearer_grant.WRONG_ENDPOINT, note="rejected: it was sent elsewhere"
        )
    providers = {provider.metadata.entity_id: provider for provider in account.saml_providers}
    once = landscape.switches.replay is Replay.REFUSED
    try:
        valid = bearer_assertion.accept_assertion(
            landscape, _relying_party(landscape, account, providers), form, once=once
        )
        user = _get_or_create_user(landscape, account, valid.name_id, providers[valid.issuer])
    except AssertionRejected as exc:
        if (off := providers.get(exc.issuer)) and not off.active:
            description = bearer_grant.inactive_provider_text(off.origin_key, version)
            return oauth.unauthorized_response(
                "unauthorized", description, note=f"rejected: {off.origin_key} is inactive"
            )
        return bearer_grant.rejection_response(exc, version)
    return AuthenticatedUser(user, bearer_assertion.acceptance_note(valid))


def _relying_party(landscape: Landscape, account: Account, providers: Mapping[str, IdentityProvider]) -> RelyingParty:
    choice = landscape.switches.metadata_certificates
    trusted = {
        issuer: _trusted_certificates(provider.metadata, choice)
        for issuer, provider in providers.items()
        if provider.active
    }
    recipient = token_service_url(account, landscape.addresses.url(account))
    return RelyingParty(entity_id(account), {recipient}, trusted, bearer_grant.RULES[landscape.switches.bearer])


def _trusted_certificates(metadata: IdpMetadata, choice: MetadataCertificates) -> tuple[str, ...]:
    """Return the certificates that count."""
    if choice is MetadataCertificates.FIRST_OF_X509_DATA:
        return metadata.first_certificates
    return metadata.certificates[: None if choice is MetadataCertificates.ALL else 1]


def _get_or_create_user(landscape: Landscape, account: Account, name: str, provider: IdentityProvider) -> User:
    """Return the user of the identity provider, known already or new."""
    known = account.user(name, provider.origin_key)
    if known:
        return known
    if not provider.adds_shadow_users:
        raise AssertionRejected("its user is unknown, and the identity provider adds no users", RejectionReason.USER)
    user = User(name, name, origin=provider.origin_key)
    landscape.change(account.guid, lambda old: old.with_user(user))
    return user


GRANTS: dict[str, Grant] = {
    oauth.PASSWORD: _password,
    oauth.JWT_BEARER: _jwt_bearer,
    oauth.SAML2_BEARER: _saml2_bearer,
}
"""The grant types that authenticate a user."""
