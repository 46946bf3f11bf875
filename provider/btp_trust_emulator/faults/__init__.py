"""Faults: what they are, which requests they disturb, and how. Imports nothing of `services`."""
