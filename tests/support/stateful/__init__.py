"""A machine of a team, its colleagues and the weather, for hypothesis: rules, what holds after each step, counts."""
