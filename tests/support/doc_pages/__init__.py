"""The code blocks of Markdown pages (`blocks`), and a workbench that runs them as a reader would (`workbench`).

Each section of a page starts in a project at a named stage of the story (`stages`). The output of each command is
compared with the page (`comparison`).
"""
