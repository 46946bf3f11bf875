"""How many calls fail while a trust certificate is exchanged: by this project, and by the two ways that others take."""
