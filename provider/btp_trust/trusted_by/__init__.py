"""The argument `trusted_by`: the certificates that targets are stated to trust, in any format that programs hold."""
