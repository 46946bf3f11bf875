"""XSUAA of a subaccount: tokens, its SAML metadata and the identity providers that it trusts."""
