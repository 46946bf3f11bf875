"""The README and the pages in docs: commands run, programs work, lists are complete."""

from __future__ import annotations

import ast
import dataclasses
import enum
import graphlib
import inspect
import json
import re
import time
from pathlib import Path
from typing import Any, get_type_hints

import pulumi
import pytest
import yaml

import btp_trust
from bootstrap.main import ROOT
from btp_trust import HandOver, Target, errors, property_bag
from btp_trust.active.schema import ActiveInputs
from btp_trust.communication_system.schema import SystemTrustInputs
from btp_trust.handover.target_types import TARGET_TYPES
from btp_trust.identity_provider.schema import IdentityProviderInputs
from btp_trust.passive.schema import PassiveInputs
from btp_trust.resources import base
from btp_trust.resources.settings import KEYS, Privilege
from btp_trust.rotation.schema import RotationInputs
from btp_trust_emulator import FaultKind, S4Switches, Switches
from btp_trust_emulator.control.api import OPERATIONS
from btp_trust_emulator.faults.fault import FAULT_SPECS
from btp_trust_emulator.server.application import SERVICE_OPERATIONS
from support.doc_pages.blocks import Block, Section, pages, sections
from support.doc_pages.stages import PageProjects

SKIPPED_COMMANDS = {
    "make demo": "each of its acts has a test of its own",
    "make test": "these tests are part of it",
    "make matrix": "it takes three quarters of an hour; a slice of it is a test of its own",
    "make bench-continuity": "it takes two minutes and rewrites its page; its parts have a test of their own",
    "make bench-startup": "it takes minutes and rewrites its page; its parts have a test of their own",
    "make bench-status": "it takes half a minute and rewrites its page; its parts have a test of their own",
    "make bench-fleet": "it takes a quarter of an hour and rewrites its page; its parts have a test of their own",
    "make setup": "it has tests of its own, and has been run on the machine that runs this",
    'export PATH="$PWD/.venv': "the workbench puts the same folders on PATH",
    "python -m pip install": "it would change the environment that runs the tests",
    "cf ": "it needs an account with SAP",
}
"""{beginning of a command that no test runs: the reason}"""
RUN_BY_THE_WORKBENCH = {"console", "diff"}
HEADINGS = ["Context", "Decision", "Consequences", "Non-goals", "Alternatives"]
RESOURCES = (
    "ActiveTrustCertificate",
    "PassiveTrustCertificate",
    "RotationTrigger",
    "TrustedIdentityProvider",
    "CommunicationSystemTrust",
)


def runs_in_order(section: Section) -> bool:
    """Return True if a section has blocks for the workbench."""
    return any(block.language in RUN_BY_THE_WORKBENCH for block in section.blocks)


SECTIONS = [section for page in pages() for section in sections(page)]
BLOCKS = [block for section in SECTIONS for block in section.blocks]
PAGES = [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in pages()]


class Mocks(pulumi.runtime.Mocks):
    """An engine that accepts all resources."""

    def __init__(self) -> None:
        """Start without resources."""
        self.registered: list[str] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Record the type of the resource."""
        self.registered.append(args.typ)
        return f"{args.name}-id", dict(args.inputs)

    def call(self, _args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], None]:
        """Return an empty answer."""
        return {}, None


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> PageProjects:
    """Projects at the stages of the story, made at their first use."""
    return PageProjects(tmp_path_factory.mktemp("stages"))


@pytest.mark.parametrize("section", [section for section in SECTIONS if runs_in_order(section)], ids=str)
def test_commands_print_what_pages_show(section: Section, stages: PageProjects, tmp_path: Path) -> None:
    """Every command runs in the order of the page and prints what the page shows."""
    bench = stages.workbench(section.stage, tmp_path)
    try:
        for block in section.blocks:
            bench.run(block, SKIPPED_COMMANDS)
    finally:
        bench.close()


@pytest.mark.usefixtures("program_loop")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the mocks' own event loops
@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language == "python" and not block.file], ids=str)
def test_other_programs_construct_their_resources(block: Block) -> None:
    """A Python block without a file name is a program that Pulumi accepts."""
    mocks = Mocks()
    pulumi.runtime.set_mocks(mocks)
    names: dict[str, Any] = {"pulumi": pulumi, "trust": btp_trust}

    def program() -> None:
        exec(compile(block.text, str(block), "exec"), names)  # noqa: S102 - the page's own program

    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]

    constructed = sum(block.text.count(f"{resource}(") for resource in RESOURCES)
    assert constructed == len(mocks.registered) - mocks.registered.count("pulumi:pulumi:Stack")


@pytest.mark.parametrize("section", SECTIONS, ids=str)
def test_every_script_is_run(section: Section) -> None:
    """A script has a file name, and a command below it in its section names the file."""
    later = ""
    for block in reversed(section.blocks):
        assert block.language != "sh" or (block.file or " ") in later, str(block)
        later += block.text if block.language == "console" else ""


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_block_is_tested(block: Block) -> None:
    """Every block has a language that a test runs: drawings contain no commands, JSON and YAML can be parsed."""
    assert block.language in {*RUN_BY_THE_WORKBENCH, "python", "yaml", "json", "sh", "text"}
    if block.language == "text":
        assert not re.search(r"^\$ |\b(pulumi|make|curl) \w", block.text, re.MULTILINE)
    if block.language == "json":
        json.loads(block.text)
    if block.language == "yaml":
        yaml.safe_load(block.text)


@pytest.mark.parametrize("start", SKIPPED_COMMANDS)
def test_skipped_commands_are_on_a_page(start: str) -> None:
    """Every entry of the list of skipped commands is used on a page."""
    commands = [command for block in BLOCKS if block.language == "console" for command, _ in block.commands]

    assert any(command.startswith(start) for command in commands)


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_resolve(page: Path) -> None:
    """Every relative link leads to a file or folder, and to an existing heading."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        file = page.parent / path if path else page
        assert file.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{page}: {target}"


def test_the_readme_leads_to_every_page() -> None:
    """Every page can be reached from the README by links."""
    reached, todo = set[Path](), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        reached.add(page)
        linked = [(page.parent / link).resolve() for link in re.findall(r"\]\(([\w./-]+\.md)", page.read_text())]
        todo += [link for link in linked if link not in reached]

    assert set(pages()) <= reached


def test_the_readme_starts_with_its_commands() -> None:
    """The picture and both commands are within the first 40 lines."""
    screen = (ROOT / "README.md").read_text().splitlines()[:40]

    commands = [line.partition("#")[0].strip() for line in screen if line.startswith("$ ")]

    assert commands == ["$ make demo", "$ make test"]
    assert any("docs/rotation.svg" in line for line in screen)


def test_the_picture_matches_its_table() -> None:
    """The picture has the steps of the table, and describes itself for readers who cannot see it."""
    picture = (ROOT / "docs/rotation.svg").read_text()
    steps = re.findall(r">(\d)\. ([\w ]+)</text>", picture)
    rows = re.findall(r"^\| (\d)\. ([\w ]+)", (ROOT / "README.md").read_text(), re.MULTILINE)

    assert steps == [(number, name.strip()) for number, name in rows]
    assert all(part in picture for part in ("<title ", "<desc ", "prefers-color-scheme: dark"))


@pytest.mark.parametrize("name", RESOURCES)
def test_reference_has_arguments_and_outputs(name: str) -> None:
    """The reference of a resource has exactly its arguments, outputs and checked inputs."""
    documented = table_names("docs/reference/resources.md", name)
    common = table_names("docs/reference/resources.md", "What all of them have")
    kind: type = getattr(btp_trust, name)
    arguments = set(inspect.signature(kind).parameters) - {"resource_name", "opts"}
    outputs = set(vars(kind)["__annotations__"])
    checked = checked_fields(name)
    # A communication system belongs to a tenant, and its page repeats the one argument that it shares.
    shared = {"connection"} if name == "CommunicationSystemTrust" else {"connection", "subaccount_id", "display_name"}

    assert arguments | outputs | checked == documented | (arguments & common)
    assert arguments & common - {"certificate"} == shared
    assert inherited() <= common


def test_reference_has_every_error() -> None:
    """Every class of errors has a heading, with when it is raised and its remedy."""
    text = (ROOT / "docs/reference/errors.md").read_text()
    classes = [name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)]

    for name in classes:
        part = section_of(text, name)
        assert name == "TrustError" or ("When: " in part and "Remedy: " in part), name


def test_reference_has_configuration_keys() -> None:
    """The table of configuration keys is that of the code, and marks secret keys."""
    page = (ROOT / "docs/reference/configuration.md").read_text()
    rows = dict(re.findall(r"^\| `btp-trust:(\w+)` \| (\S+)", page, re.MULTILINE))

    assert set(rows) == set(KEYS)
    assert {key for key, value in rows.items() if value == "secret:"} == {
        key for key, power in KEYS.items() if power is not Privilege.NONE
    }


def test_reference_has_emulator_switches() -> None:
    """Every switch has a row with its option and its values, the default first."""
    page = (ROOT / "docs/reference/emulator.md").read_text()

    for name, kind in get_type_hints(Switches).items():
        default = getattr(Switches(), name)
        values = [default, *(value for value in kind if value is not default)]
        row = f"| `--{name.replace('_', '-')}` | {', '.join(f'`{value.value}`' for value in values)} |"
        assert row in page, row


def test_reference_has_tenant_switches() -> None:
    """Every switch of an S/4HANA tenant has a row with its values, the default first."""
    page = section_of((ROOT / "docs/reference/emulator.md").read_text(), "Communication systems")
    rows = dict(re.findall(r"^\| `(\w+)` \| (`[^|]+`) \|", page, re.MULTILINE))

    for field in dataclasses.fields(S4Switches):
        default = getattr(S4Switches(), field.name)
        values = (
            [default.value, *(value.value for value in type(default) if value is not default)]
            if (isinstance(default, enum.Enum))
            else [default]
        )
        assert rows.pop(field.name) == ", ".join(f"`{value}`" for value in values)
    assert rows == {}


def test_reference_has_every_control_operation() -> None:
    """The table has a row for each operation of the control plane, which names every field of its request."""
    page = section_of((ROOT / "docs/reference/emulator.md").read_text(), "The control plane")
    rows = dict(re.findall(r"^\| `([A-Z]+ /_emulator/\S*)` \| (.*) \|$", page, re.MULTILINE))

    assert set(rows) == {f"{operation.method} /_emulator{operation.path}" for operation in OPERATIONS}
    for operation in OPERATIONS:
        fields = getattr(operation.shape, "__struct_fields__", ())
        row = rows[f"{operation.method} /_emulator{operation.path}"]
        assert all(re.search(rf"[`=]?{field}[`=]", row) for field in fields), row


def test_reference_has_every_service_operation() -> None:
    """The tables of the emulated services have a row for each operation, and for no other."""
    page = (ROOT / "docs/reference/emulator.md").read_text()
    text = section_of(page, "Trust certificates") + section_of(page, "User propagation")
    text += section_of(page, "Communication systems")
    rows = re.findall(r"^\| `([A-Z]+ [^`]+)` \|", text, re.MULTILINE)

    assert sorted(rows) == sorted(
        f"{operation.method} {operation.path.replace(':path', '')}" for operation in SERVICE_OPERATIONS
    )


def test_reference_has_every_fault() -> None:
    """The table of faults is the table of kinds in the code, in its order."""
    page = section_of((ROOT / "docs/reference/emulator.md").read_text(), "Faults")
    rows = re.findall(r"^\| `\w+` \| (?:yes|no) \| .* \|[^|]*\|$", page, re.MULTILINE)

    assert rows == [fault_row(kind) for kind in FAULT_SPECS]


def test_reference_has_target_types() -> None:
    """Every type has a row, with the number of certificates that it holds."""
    page = section_of((ROOT / "docs/reference/hand-over.md").read_text(), "Types of targets")
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| (two|one|unknown)\b[^|]*\|$", page, re.MULTILINE)

    assert dict(rows) == {name: kind.holds.value for name, kind in TARGET_TYPES.items()}


def test_reference_has_the_hand_over() -> None:
    """The reference has exactly the arguments and fields of a hand-over."""
    arguments = set(inspect.signature(btp_trust.hand_over).parameters) - {"target"}

    assert table_names("docs/reference/hand-over.md", "Target") == set(Target.__struct_fields__)
    assert table_names("docs/reference/hand-over.md", "hand_over") == arguments | set(HandOver.__struct_fields__)


@pytest.mark.parametrize("file", sorted((ROOT / "docs/design").glob("2*.md")), ids=lambda file: file.stem)
def test_a_decision_has_its_parts(file: Path) -> None:
    """A decision is dated, has all parts in their order, and is listed."""
    lines = file.read_text().splitlines()
    day = time.strptime(file.name.partition(".")[0], "%Y%m%d")

    assert time.strftime("%Y-%m-%d", day) == lines[2]
    assert [line[3:] for line in lines if line.startswith("## ")] == HEADINGS
    assert f"- [{lines[0][2:]}]({file.name})" in (ROOT / "docs/design/README.md").read_text()


def test_frozen_names_come_first() -> None:
    """The list of decisions starts with the one about frozen names."""
    text = (ROOT / "docs/design/README.md").read_text()

    first, *_ = re.findall(r"^- \[(.*?)\]", text, re.MULTILINE)

    assert first == "Pulumi state names are frozen"


def test_folders_import_what_is_allowed() -> None:
    """Each part of the package imports only parts that its row in the table of the architecture names."""
    allowed = allowed_imports("Who may import whom")
    imports = imports_between_parts()

    assert set(allowed) == set(imports)
    assert {part: names - allowed[part] for part, names in imports.items() if names - allowed[part]} == {}


def test_command_line_imports_allowed_parts() -> None:
    """The command line imports the parts that its row names, all of them, and no lifecycle or write."""
    imported = {name for names in imported_modules("btp_trust_cli").values() for name in names}

    assert {"btp_trust_cli": {part_of(name) for name in imported if name.startswith("btp_trust.")}} == allowed_imports(
        "The command line"
    )
    assert not [name for name in imported if re.search(r"lifecycle|writes|at_most_once|registry", name)]


def test_fleet_imports_allowed_parts() -> None:
    """The fleet imports the parts that its row names, all of them: none that writes to a service."""
    imported = {name for names in imported_modules("btp_trust_fleet").values() for name in names}
    allowed = {part_of(name) for name in imported if name.startswith("btp_trust.")}

    assert {"btp_trust_fleet": allowed} == allowed_imports("The fleet")
    assert not [name for name in imported if re.search(r"btp_trust_emulator|lifecycle|writes|at_most_once", name)]


def test_modules_import_without_circles() -> None:
    """No module imports itself through others, in annotations or functions either."""
    graphlib.TopologicalSorter(imported_modules()).prepare()
    graphlib.TopologicalSorter(imported_modules("btp_trust_cli")).prepare()
    graphlib.TopologicalSorter(imported_modules("btp_trust_fleet")).prepare()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_no_machine(page: Path) -> None:
    """Pages are free of paths and hosts of the machine on which they were written."""
    assert not re.search(r"(/home/|/root/|/work/|/tmp/)", page.read_text())


def allowed_imports(heading: str) -> dict[str, set[str]]:
    """Return {part: what it may import} of a section of the architecture."""
    page = section_of((ROOT / "docs/design/architecture.md").read_text(), heading)
    rows = re.findall(r"^\| `(\w+)` \| (nothing|(?:`\w+`(?:, )?)+) \|$", page, re.MULTILINE)
    return {part: set(re.findall(r"`(\w+)`", names)) for part, names in rows}


def fault_row(kind: FaultKind) -> str:
    """Return the row of a kind of faults."""
    spec = FAULT_SPECS[kind]
    fields = "".join(f"{names} " for names in [", ".join(f"`{name}`" for name in spec.fields)] if names)
    return f"| `{kind.value}` | {'yes' if spec.acts else 'no'} | {spec.client_sees} | {fields}|"


def anchors(file: Path) -> set[str]:
    """Return the anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def section_of(text: str, heading: str) -> str:
    """Return the text below a heading of the second level."""
    match = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert match, heading
    return match[1]


def table_names(page: str, heading: str) -> set[str]:
    """Return the names in the first columns of a section's tables, except tables of refusals."""
    text = section_of((ROOT / page).read_text(), heading)
    cells = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def inherited() -> set[str]:
    """Return the outputs of all resources."""
    return set(vars(base.TrustResource)["__annotations__"])


def checked_fields(name: str) -> set[str]:
    """Return the inputs that check adds to a resource's arguments."""
    shapes: dict[str, type[property_bag.CommonArgs]] = {
        "ActiveTrustCertificate": ActiveInputs,
        "PassiveTrustCertificate": PassiveInputs,
        "RotationTrigger": RotationInputs,
        "TrustedIdentityProvider": IdentityProviderInputs,
        "CommunicationSystemTrust": SystemTrustInputs,
    }
    return set(shapes[name].__struct_fields__) - set(property_bag.ResourceArgs.__struct_fields__)


def imports_between_parts() -> dict[str, set[str]]:
    """Return {part: the other parts that its modules import}; a part is a folder or a module at the top."""
    parts: dict[str, set[str]] = {}
    for module, names in imported_modules().items():
        part = part_of(module)
        parts.setdefault(part, set()).update(part_of(name) for name in names if part_of(name) != part)
    del parts[""]  # the public names, btp_trust itself
    return parts


def part_of(module: str) -> str:
    """Return the part of a module: `rotation` for btp_trust.rotation.schema."""
    return module.partition(".")[2].partition(".")[0]


def modules_of(package: str) -> dict[str, Path]:
    """Return {module: its file} of a package."""
    root = ROOT / "provider"
    return {
        ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file
        for file in (root / package).rglob("*.py")
    }


def imported_modules(package: str = "btp_trust") -> dict[str, set[str]]:
    """Return {module of a package: the modules of that package and of btp_trust that it imports anywhere}."""
    files = {**modules_of("btp_trust"), **modules_of(package)}
    imported: dict[str, set[str]] = {}
    for module, file in modules_of(package).items():
        nodes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
        names = {f"{node.module}.{name.name}" for node in nodes for name in node.names}
        targets = {name if name in files else name.rpartition(".")[0] for name in names}
        imported[module] = (targets & set(files)) - {module}
    return imported
