"""The argument `trusted_by`: what targets are stated to trust, in any format that programs hold."""
