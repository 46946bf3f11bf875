"""The crash matrix: each operation is interrupted at each boundary of each of its requests, and then resumed.

`operations` lists what is interrupted, `cells` where and how. `runner` runs one cell on the real command line,
`counts` evaluates it by the emulator's journal, `report` writes the page. `python -m support.crash_matrix` runs all.
"""
