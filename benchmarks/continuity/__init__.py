"""Benchmark: calls that fail while a trust certificate is replaced, by this project and by two common scripts."""
