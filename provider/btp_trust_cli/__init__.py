"""The command `btp-trust`: reads the trust certificates of many subaccounts, and says what is due. It writes nothing.

`btp_trust` never imports this package, so a program and the plugin do without its libraries (extra `cli`).
"""
