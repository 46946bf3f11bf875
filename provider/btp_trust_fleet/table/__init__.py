"""The table of a fleet, `fleet.yaml`: its form, its checks, and where in the file each value stands."""
