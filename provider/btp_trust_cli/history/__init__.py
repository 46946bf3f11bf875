"""`btp-trust history`: what a stack did to the signers of its subaccounts."""
