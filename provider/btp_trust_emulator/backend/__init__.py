"""What exists: subaccounts, destinations, users, target systems. Imports `saml` and `pki` alone."""
