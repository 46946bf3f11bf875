"""Faults: what they are, which requests they meet, and what they do to one. Imports nothing of `services`."""
