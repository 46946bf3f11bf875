"""The crash matrix: each operation is interrupted at each boundary of each of its requests, and then resumed.

`operations` says what is interrupted, `cells` where and how, `play` plays one cell on the real command line,
`counts` judges it by the emulator's journal, `table` writes the page. `python -m matrix` runs all of it.
"""
