"""Stand-ins of `vault`, `cf` and `btp`: they print the key in the project's folder in the form of the real ones.

The forms are those of their documentation: `vault kv get -format=json` of a secret of version 2, `cf service-key` of
version 8, `btp --format json get services/binding`. Other arguments, and another name, fail as the real ones do.
"""

from __future__ import annotations

import os
import sys

from support.doc_pages.workbench import PageWorkbench

_VAULT = """
if sys.argv[1:-1] != ["kv", "get", "-format=json", "-mount=btp-trust"] or name != "prod":
    fail(f"No value found at btp-trust/data/{name}", 2)
metadata = {"created_time": "2026-11-29T08:00:00Z", "custom_metadata": None, "deletion_time": "", "destroyed": False}
secret = {"data": KEY, "metadata": {**metadata, "version": 1}}
leased = {"request_id": GUID, "lease_id": "", "lease_duration": 0, "renewable": False}
print(json.dumps({**leased, "data": secret, "warnings": None}, indent=2))
"""
_CF = """
if os.environ.get("CF_HOME", "").endswith("/.cf-homes/prod"):
    name = "prod"
elif "CF_HOME" in os.environ:
    fail("FAILED\\nNot logged in. Use 'cf login' or 'cf login --sso' to log in.", 1)
if sys.argv[1:3] != ["service-key", "trust-admin"] or name != "prod":
    fail(f"FAILED\\nNo service key {name} found for service instance trust-admin", 1)
print(f"Getting key {sys.argv[-1]} for service instance trust-admin as jane@example.com...\\n")
print(json.dumps({"credentials": KEY}, indent=2))
"""
_BTP = """
words = ["--format", "json", "get", "services/binding", "--name", "trust-admin", "--subaccount"]
if sys.argv[1:-1] != words or name != "00000000-1111-4222-8333-000000005cdd":
    fail("Error: Could not find such binding\\nFAILED", 1)
described = {"id": GUID, "ready": True, "name": "trust-admin", "service_instance_id": GUID, "context": {}}
print(json.dumps({**described, "credentials": KEY, "subaccount_id": name}, indent=2))
"""
_BEGINNING = """\
#!{python}
import json, os, sys

KEY = json.load(open({key!r}))
GUID = "00000000-3333-4333-8333-000000000000"
name = sys.argv[-1]

def fail(message, status):
    print(message, file=sys.stderr)
    sys.exit(status)
"""


def install_key_commands(bench: PageWorkbench) -> None:
    """Put the stand-ins on PATH, and let HOME be a folder of the project."""
    folder = bench.folder.parent / "tools"
    folder.mkdir()
    beginning = _BEGINNING.format(python=sys.executable, key=str(bench.folder / "service-key.json"))
    for name, text in (("vault", _VAULT), ("cf", _CF), ("btp", _BTP)):
        (folder / name).write_text(beginning + text)
        (folder / name).chmod(0o700)
    bench.env["PATH"] = f"{folder}{os.pathsep}{bench.env['PATH']}"
    bench.env["HOME"] = str(bench.folder.parent)
