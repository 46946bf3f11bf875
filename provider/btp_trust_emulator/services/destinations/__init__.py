"""The Destination service: what it lists and finds, and the tokens that it fetches for applications."""
