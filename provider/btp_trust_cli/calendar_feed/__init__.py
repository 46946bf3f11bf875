"""`btp-trust calendar`: what comes, as iCalendar."""
