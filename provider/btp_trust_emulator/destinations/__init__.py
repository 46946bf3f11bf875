"""Destinations: kept, listed and found, with the token that the service gets for the user who asks."""
