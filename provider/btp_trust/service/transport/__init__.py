"""HTTP: the client, retries, writes that are sent at most once, decoding and redaction of responses."""
