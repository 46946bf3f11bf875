"""The command `btp-trust`: reads the trust certificates of many subaccounts, and says what is due. It only reads.

`btp_trust` leaves this package alone, so a program and the plugin are spared its libraries (extra `cli`).
"""
