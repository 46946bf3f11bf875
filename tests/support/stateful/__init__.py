"""A stateful test for hypothesis: the rules of a team and its colleagues, disturbances, invariants, statistics."""
