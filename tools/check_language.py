"""Check the language of strings, comments and pages: few negations, and one word for one idea.

A negation says what is not the case, and leaves the reader to find out what is. The design note on language says why,
and lists the words that this project uses.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORDS_PER_NEGATION = 50
"""20 negations per 1,000 words; a short text may have one."""
NEGATION = re.compile(
    r"(?<![\w-])(?:not|no|never|none|nothing|nobody|nowhere|neither|nor|without|cannot)(?![\w-])|n't\b", re.IGNORECASE
)
QUOTING = {
    "provider/btp_trust/property_bag.py": "names keys of states that it refuses",
    "provider/btp_trust/rotation/verification/rejection_words.py": "quotes target systems",
    "provider/btp_trust/service/transport/redaction.py": "lists words of error messages",
    "tests/behavior/identity_provider/test_removal.py": "quotes messages",
    "tests/e2e/test_unreachable.py": "quotes messages",
    "tests/project/test_setup_coverage.py": "quotes pragmas of coverage",
    "tests/support/target_errors.py": "quotes target systems",
    "tests/unit/test_property_bag.py": "names keys of states that are refused",
}
"""{file: why its strings are the words of others}: they are left alone."""
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
REPLACED = {
    r"swap(?:s|ped|ping)? back": "roll back",
    r"ways? back": "rollback",
    r"(?:put|puts|putting) back": "restore",
    r"(?:go|goes|went|going|gone|lead|leads|led) back": "roll back",
    r"mint(?:s|ed|ing)?": "generate",
    r"(?:take|takes|taken|took|taking) up": "adopt",
    r"(?:take|takes|taken|took|taking) down": "record",
    r"(?:what|who) (?:signs|signed|shall sign)": "the active certificate, or the signer",
    r"whoever|whatever|whichever": "a noun",
    r"shall": "must, or is declared to",
    r"time-outs?": "timeout",
    r"(?:un)?packed": "compressed, decompressed",
    r"told": "reported, or stated",
    r"settle(?:s|d)?": "resolve",
    r"patience": "retry policy",
    r"prove[sdn]?|proving": "verify",
    r"trials?": "probe",
    r"occasions?": "cause",
    r"errands?": "upstream request",
    r"twists?": "override",
    r"weathers?": "disturbance",
    r"witness(?:es)?": "invariant",
    r"twins?": "fake engine",
    r"orphan(?:s|ed)?": "the engine exited",
    r"strangers?": "a certificate that this stack did not create",
    r"sayings?": "statement",
    r"tally": "statistics",
}
"""{expression of a refused word: the word in its place}"""
DIALECT = {re.compile(rf"(?<![\w'])(?:{old})(?!\w)", re.IGNORECASE): new for old, new in REPLACED.items()}
NAMES = {re.compile(rf"(?:^|_)(?:{old.replace(' ', '_')})(?:_|$)", re.IGNORECASE): new for old, new in REPLACED.items()}
GENERATED = re.compile(r"<!-- (\S+): begins -->.*?<!-- \1: ends -->", re.DOTALL)
FENCED = re.compile(r"^( *)```.*?^\1```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Prose:
    """The texts of one file: (line, text) of each string, comment or paragraph, and the names that it defines."""

    texts: list[tuple[int, str]]
    names: list[tuple[int, str]]

    @property
    def words(self) -> int:
        """How many words there are."""
        return sum(len(WORD.findall(text)) for _, text in self.texts)

    @property
    def negations(self) -> int:
        """How many of them negate."""
        return sum(len(NEGATION.findall(text)) for _, text in self.texts)


def prose_of(path: Path) -> Prose:
    """Read the strings and comments of a module, or the text of a page that people wrote."""
    text = path.read_text()
    if path.suffix == ".md":
        kept = FENCED.sub("", GENERATED.sub("", text))
        return Prose(list(enumerate(kept.splitlines(), 1)), [])
    texts = [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type in {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    ]
    return Prose(texts, list(_defined(ast.parse(text))))


def _defined(tree: ast.Module) -> list[tuple[int, str]]:
    names: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append((node.lineno, re.sub(r"(?<=[a-z])(?=[A-Z])", "_", node.name)))
        elif isinstance(node, ast.arg):
            names.append((node.lineno, node.arg))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append((node.lineno, node.id))
    return names


def complaints(path: Path) -> list[str]:
    """Say what is wrong with the language of a file, a line each."""
    prose = prose_of(path)
    where = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    found = [
        f"{where}:{line}: {match[0]!r}: say {new}"
        for texts, words in ((prose.texts, DIALECT), (prose.names, NAMES))
        for line, text in texts
        for word, new in words.items()
        for match in word.finditer(text)
    ]
    allowed = -(-prose.words // WORDS_PER_NEGATION)
    if prose.negations > allowed:
        found.append(
            f"{where}: {prose.negations} negations in {prose.words} words, at most {allowed}: say what is the case"
        )
    return found


def main(arguments: list[str]) -> int:
    """Check the given files, or all that git tracks."""
    if arguments:
        files = [
            file
            for name in arguments
            for file in (sorted(Path(name).rglob("*.*")) if Path(name).is_dir() else [Path(name)])
        ]
    else:
        listed = subprocess.run(
            ["git", "ls-files", "*.py", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        files = [ROOT / name for name in listed.stdout.splitlines()]
    own = Path(__file__)
    found = [
        complaint
        for file in files
        if file.suffix in {".py", ".md"} and file.resolve() != own and not file.name.endswith("language.md")
        if file.resolve().relative_to(ROOT).as_posix() not in QUOTING
        for complaint in complaints(file.resolve())
    ]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
