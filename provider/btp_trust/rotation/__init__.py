"""RotationTrigger: inputs and state, the policies that decide on a swap, its lifecycle. Imports no other resource."""
