"""Where things are: the project, and the reference material that may be beside it."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "reference"
