"""SAML 2.0: metadata, written and read, and the signer of an assertion."""
