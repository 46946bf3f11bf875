"""What each resource does when Pulumi asks: gather, decide, act. One module per resource, and the writes they share."""
