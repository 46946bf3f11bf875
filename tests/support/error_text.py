"""All texts that an error can show when it is printed, logged or inspected."""

from __future__ import annotations

import traceback
from collections.abc import Iterator


def error_text(error: BaseException) -> str:
    """Return the text of the traceback and of each exception in the chain, suppressed ones included."""
    return "\n".join(
        ["".join(traceback.format_exception(error, limit=0)), *(f"{each}\n{each!r}" for each in exception_chain(error))]
    )


def exception_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, its causes and its contexts."""
    seen: list[BaseException] = []
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop()
        if each is not None and each not in seen:
            seen.append(each)
            todo += [each.__cause__, each.__context__]
    yield from seen
