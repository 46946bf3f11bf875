"""What is to be done: pure decisions on a `Snapshot`.

A policy is a small function that gives a `Decision` or None; the first answer of a tuple of policies wins.
Each policy is safe on its own: their order decides who speaks first, never whether the signer changes.
"""
