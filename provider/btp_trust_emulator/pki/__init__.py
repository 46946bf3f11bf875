"""Keys and certificates as octets. Imports nothing of the other folders."""
