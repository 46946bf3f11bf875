"""Verification of destinations around a swap: what is probed, what a result means, what a rejection leads to.

Imports point downwards: runner > automatic_rollback, preflight > prober > probes, step, messages, inspection > policy >
verdict > rejection > rejection_words, target_answer. The modules below `prober` and `inspection` are pure.
"""
