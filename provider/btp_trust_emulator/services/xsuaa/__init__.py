"""XSUAA: token servers of subaccounts, and the API for the identity providers that they trust."""
