"""The driver of a fleet: which stack runs next is decided (`decision`), done (`loop`) and shown (`view`)."""
