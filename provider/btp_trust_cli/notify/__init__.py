"""`btp-trust notify`: tell people what is due, each matter once."""
