"""Secrets among arguments: how they are detected, and the refusal that comes before anything else."""
