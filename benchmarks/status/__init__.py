"""How long `btp-trust status` takes for a thousand subaccounts."""
