"""How the project gets onto a fresh machine. Standard library only: it runs before anything is installed."""
