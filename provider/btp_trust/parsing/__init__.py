"""Text, PEM and fingerprints in the forms in which other programs hand them over. Imports nothing of the package."""
