"""Switchover: communication systems hold one certificate, so they change over with the signer, in the same command."""
