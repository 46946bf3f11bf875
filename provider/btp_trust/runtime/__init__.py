"""What one process of the plugin shares: the session, readings, the plan of the command, and writes of slots."""
