"""The grants by which a subaccount's token server learns for which user a token is (RFC 6749, 7522 and 7523).

Users prove themselves by their password, by a token that they have already, or by an assertion of an identity provider
that the subaccount trusts. The bodies of refusals are those of the Cloud Foundry UAA, those of assertions as RFC 7522
has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from btp_trust_emulator import oauth, tokens
from btp_trust_emulator.saml.judgement import NotAccepted, Relying
from btp_trust_emulator.switches import MetadataCertificates
from btp_trust_emulator.targets import bearer
from btp_trust_emulator.users import User

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from btp_trust_emulator.exchange import Answer
    from btp_trust_emulator.saml.idp_metadata import IdpMetadata
    from btp_trust_emulator.saml.judgement import Accepted
    from btp_trust_emulator.state import Account
    from btp_trust_emulator.targets.identity_provider import IdentityProvider
    from btp_trust_emulator.world import World

    Grant = Callable[[World, Account, Mapping[str, str]], "Proven | Answer"]


@dataclass(frozen=True, slots=True)
class Proven:
    """The user whom a grant proves, and what the journal says of it."""

    user: User
    note: str | None = None


def entity_id(account: Account) -> str:
    """The name of a subaccount as a SAML service provider; also the alias of its token service."""
    return f"{account.subdomain}.aws-live-eu12"


def _password(_: World, account: Account, form: Mapping[str, str]) -> Proven | Answer:
    user = account.user(form.get("username", ""))
    if user is None or not oauth.same(form.get("password", ""), user.password or ""):
        return oauth.unauthorized("unauthorized", "Bad credentials")
    return Proven(user)


def _jwt_bearer(world: World, account: Account, form: Mapping[str, str]) -> Proven | Answer:
    """A token of this subaccount's server for one of its users, by whichever client."""
    claims = tokens.read(world.token_key, form.get("assertion", ""))
    if claims is None or claims.expires <= world.clock.now() or claims.subaccount != account.guid:
        return oauth.unauthorized("invalid_token", "The assertion is no valid token of this server")
    user = account.user(claims.all.get("user_name", ""), claims.all.get("origin", ""))
    return Proven(user) if user else oauth.unauthorized("invalid_token", "The assertion speaks of no user")


def _saml2_bearer(world: World, account: Account, form: Mapping[str, str]) -> Proven | Answer:
    if not form.get("assertion"):
        return oauth.refusal(400, "invalid_request", "Missing assertion")
    providers = {each.metadata.entity_id: each for each in account.saml_providers if each.active}
    try:
        accepted = bearer.accept(world, _relying(world, account, providers), form)
    except NotAccepted as exc:
        return _not_accepted(str(exc))
    provider = providers[accepted.issuer]
    user = account.user(accepted.name_id, provider.origin_key)
    if user is None and not provider.adds_shadow_users:
        return _not_accepted("its user is not known, and the identity provider adds none")
    return Proven(user or _shadow(world, account, accepted, provider), bearer.note(accepted))


def _not_accepted(why: str) -> Answer:
    return oauth.refusal(400, "invalid_grant", f"The assertion was refused: {why}", note=f"refused: {why}")


def _relying(world: World, account: Account, providers: Mapping[str, IdentityProvider]) -> Relying:
    choice = world.switches.metadata_certificates
    trusted = {issuer: _counted(each.metadata, choice) for issuer, each in providers.items()}
    name, addresses = entity_id(account), world.addresses
    urls = [each(account) for each in (addresses.url, addresses.cert_url)]
    recipients = [f"{url}/oauth/token{alias}" for url in urls for alias in ("", f"/alias/{name}")]
    return Relying(name, recipients, trusted)


def _counted(metadata: IdpMetadata, choice: MetadataCertificates) -> tuple[str, ...]:
    """The certificates that count."""
    if choice is MetadataCertificates.FIRST_OF_X509_DATA:
        return metadata.first_certificates
    return metadata.certificates[: None if choice is MetadataCertificates.ALL else 1]


def _shadow(world: World, account: Account, accepted: Accepted, provider: IdentityProvider) -> User:
    """A new user whom the identity provider vouches for."""
    user = User(accepted.name_id, accepted.name_id, origin=provider.origin_key)
    world.change(account.guid, lambda old: old.with_user(user))
    return user


GRANTS: dict[str, Grant] = {
    oauth.PASSWORD: _password,
    oauth.JWT_BEARER: _jwt_bearer,
    oauth.SAML2_BEARER: _saml2_bearer,
}
"""What each grant type needs besides the client."""
