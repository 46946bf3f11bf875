"""`btp-trust fleet status`: who is where."""
