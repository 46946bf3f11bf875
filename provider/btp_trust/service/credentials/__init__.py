"""Credentials: service keys, bindings, users, and the tokens that the token service grants for them."""
