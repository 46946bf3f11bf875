"""The HTTP control API below `/_emulator/`: what tests and demos arrange. Imports nothing of `server`."""
