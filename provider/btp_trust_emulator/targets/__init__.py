"""Targets: what trusts a subaccount's certificates. Another subaccount, or a system that is given them by hand."""
