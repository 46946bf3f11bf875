"""`btp-trust report`: one self-contained page with all subaccounts on one time line."""
