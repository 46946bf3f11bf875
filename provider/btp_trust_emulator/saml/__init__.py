"""SAML 2.0: XML, signatures, assertions and metadata. Imports nothing of the folders above but `pki`."""
