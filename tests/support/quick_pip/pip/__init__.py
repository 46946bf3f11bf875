"""The answer of pip to the only question that Pulumi asks."""
