"""Run one stack: preview, decide whether the operator has allowed what it shows, update by exactly that plan."""
