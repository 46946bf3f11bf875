"""Credentials: service keys, bindings, users, and the tokens that they are exchanged for."""
