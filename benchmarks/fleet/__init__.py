"""What many subaccounts cost: time, memory and requests against their number."""
