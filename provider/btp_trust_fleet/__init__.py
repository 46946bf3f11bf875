"""Many stacks, one after the other or side by side: waves of preparations and rotations. Extra `fleet`.

Neither the plugin nor a program loads this package, nor does `btp-trust --help`.
"""
