"""SAML 2.0 as files and as assertions: metadata in both directions, and the certificate that signed an assertion."""
