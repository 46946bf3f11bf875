"""What exists: subaccounts, destinations, users, target systems. Imports neither faults nor the journal."""
