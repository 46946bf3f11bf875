"""How much longer Pulumi takes with this provider's resources than with empty ones."""
