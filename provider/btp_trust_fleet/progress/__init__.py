"""The progress of a driver: live on a terminal, a line for each event elsewhere."""
