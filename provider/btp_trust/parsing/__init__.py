"""Text, PEM and fingerprints as other programs write them. Imports nothing of the package."""
