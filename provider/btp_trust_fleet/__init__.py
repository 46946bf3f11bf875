"""Many stacks, one after the other or side by side: waves of preparations and rotations. Extra `fleet`.

Only its own commands load this package: the plugin, programs and `btp-trust --help` do without its libraries.
"""
