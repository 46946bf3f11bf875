"""The plan of a fleet: what each stack's preview shows, by waves, in several forms; and what an approval repeats."""
