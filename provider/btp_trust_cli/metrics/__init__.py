"""`btp-trust metrics`: the landscape for Prometheus."""
