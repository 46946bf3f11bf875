"""Assertions, signatures and metadata of SAML 2.0. Imports `pki` alone."""
