"""The way to the service: where credentials are found, how a token is got, what can be called."""
