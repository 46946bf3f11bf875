"""Verification of destinations around a swap: what is probed, what a result means, what a rejection leads to."""
