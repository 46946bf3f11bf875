"""PassiveTrustCertificate: its inputs and state, its plan, and its lifecycle. Imports no other resource."""
