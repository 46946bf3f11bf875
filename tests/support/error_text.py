"""Everything that an error could show to whoever prints, logs or inspects it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator


def error_text(error: BaseException) -> str:
    """Collect the traceback's text, and what each exception of the whole chain says of itself, suppressed or not."""
    return "\n".join(
        ["".join(traceback.format_exception(error, limit=0)), *(f"{each}\n{each!r}" for each in exception_chain(error))]
    )


def exception_chain(error: BaseException) -> Iterator[BaseException]:
    """Give an exception and all those that it came from or happened in."""
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop()
        if each is not None and each not in seen:
            seen.append(each)
            todo += [each.__cause__, each.__context__]
    yield from seen
