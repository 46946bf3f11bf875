"""Many stacks, one after the other or side by side: waves of preparations and rotations. Extra `fleet`.

A program loads `program` and what it needs of the table; the plugin and `btp-trust --help` load nothing of it.
"""
