"""SAML 2.0 assertions: made, signed, and judged; and the metadata that says whose signatures are trusted. No HTTP."""
