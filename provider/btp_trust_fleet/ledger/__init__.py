"""The ledger of a fleet: what was started, how it ended, and what was approved. JSON lines, in the order of events."""
