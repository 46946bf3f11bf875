"""TrustedIdentityProvider: its inputs and state, its plan, lifecycle and writes. Imports no other resource."""
