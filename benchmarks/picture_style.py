"""What all pictures of the benchmarks share: text that is readable on light and dark paper."""

from __future__ import annotations

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
    'role="img" aria-labelledby="title desc">\n'
)
"""Begins a picture. For `str.format`, as the next two."""
TEXT_STYLE = """\
    text {{ font: 14px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }}
    .small {{ font-size: 12px; fill: #57606a; }}
    .title {{ font-weight: 600; }}
    .end {{ text-anchor: end; }}
    .middle {{ text-anchor: middle; }}
    .paper {{ fill: #ffffff; }}
"""
DARK_TEXT_STYLE = """\
    @media (prefers-color-scheme: dark) {{
      text {{ fill: #e6edf3; }}
      .small {{ fill: #9ea7b3; }}
      .paper {{ fill: #0d1117; }}
"""
"""Begins the block of dark paper, which the picture ends."""
