"""The page of `btp-trust report` in Chromium: at a desk, on a phone, on paper, and with scripts turned off."""

from __future__ import annotations

from pathlib import Path

import pytest

from btp_trust_cli.report.page import report_page
from support.browser import DESKTOP, PHONE, Visitor
from support.report_statuses import HOSTILE, at_one_moment, many_statuses, moment_of, report_statuses

STATUSES = at_one_moment(report_statuses())
NAMES = [status.label for status in STATUSES]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a page with each state."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(report_page(STATUSES, moment_of(STATUSES)))
    return file.as_uri()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_page_fits_and_is_silent(visit: Visitor, report: str, size: tuple[int, int]) -> None:
    """Everything fits the window, each row opened as well; the page is the one request, and the console is empty."""
    seen = visit(report, size)
    for summary in seen.page.locator("summary").all():
        summary.click()
    assert seen.texts(".row .more table") != []
    assert seen.overflow <= 0
    assert seen.requests == [report]
    assert seen.complaints == []


def test_hostile_names_stay_text(visit: Visitor, report: str) -> None:
    """A name with HTML in it is shown as it is, in each place of the page: it stays text."""
    seen = visit(report)
    (name,) = [text for text in seen.texts(".name strong") if HOSTILE[:4] in text]
    assert HOSTILE in name
    assert seen.page.locator("img").count() == 0
    assert seen.page.locator("script").count() == 1
    assert seen.page.locator(f".row[data-stack='{STATUSES[0].stack}']").count() > 0


def test_filter_leaves_what_fits(visit: Visitor, report: str) -> None:
    """By all words, by state, by stack; the page says how many are left."""
    seen = visit(report)
    shown = seen.page.locator("#shown")
    assert shown.text_content() == f"{len(STATUSES)} of {len(STATUSES)} shown"
    seen.page.fill("#words", "HAND acme-busy")
    assert seen.texts(".row .name strong") == [next(name for name in NAMES if "busy" in name)]
    seen.page.fill("#words", "2028-01")
    seen.page.uncheck("input[value=WARNING]")
    assert seen.texts(".row") == []
    assert seen.page.locator("#nothing").is_visible()
    seen.page.fill("#words", "")
    assert seen.texts(".row .state") == ["✖ CRITICAL", "? UNKNOWN", "✓ OK"]
    seen.page.select_option("#stack", "dev")
    assert shown.text_content() == f"0 of {len(STATUSES)} shown"
    seen.page.check("input[value=WARNING]")
    assert len(seen.texts(".row")) == 2
    assert seen.complaints == []


@pytest.mark.parametrize(
    ("order", "attribute"), [("name", "data-name"), ("due", "data-due"), ("expires", "data-expires")]
)
def test_rows_are_sorted(visit: Visitor, report: str, order: str, attribute: str) -> None:
    """By each key, and back to urgency."""
    seen = visit(report)

    def keys(name: str) -> list[str]:
        return [row.get_attribute(name) or "" for row in seen.page.locator(".row").all()]

    ranked = keys("data-rank")
    seen.page.select_option("#sort", order)
    # As a browser compares names: letters before signs count.
    assert [key for key in keys(attribute) if key[0].isalnum()] == sorted(
        key for key in keys(attribute) if key[0].isalnum()
    )
    seen.page.select_option("#sort", "rank")
    assert keys("data-rank") == ranked == [str(number) for number in range(len(STATUSES))]


def test_page_needs_no_scripts(visit: Visitor, report: str) -> None:
    """Each row is there and opens; the filter, which would do nothing, is left out."""
    seen = visit(report, scripts=False)
    assert not seen.page.locator("#controls").is_visible()
    assert len(seen.texts(".row .name strong")) == len(STATUSES)
    row = seen.page.locator(".row", has_text="acme-busy")
    row.locator("summary").click()
    for words in ("Certificates", "Targets", "What happened", "rejected by hr", "From then on targets reject"):
        assert words in row.inner_text()


def test_paper_shows_everything(visit: Visitor, report: str) -> None:
    """In print each row is open, and the controls are gone."""
    seen = visit(report)
    seen.page.emulate_media(media="print")
    assert not seen.page.locator("#controls").is_visible()
    assert len(seen.texts(".row .more table caption")) >= len(STATUSES)


def test_thousand_subaccounts_stay_usable(visit: Visitor, tmp_path: Path) -> None:
    """Each is a row; the filter and the order reach all of them, and the page fits the window."""
    statuses = many_statuses(1000)
    file = tmp_path / "many.html"
    file.write_text(report_page(statuses, moment_of(statuses)))
    seen = visit(file.as_uri())
    seen.page.fill("#words", "acme-0999")
    assert seen.page.locator("#shown").text_content() == "1 of 1000 shown"
    seen.page.fill("#words", "")
    seen.page.select_option("#sort", "name")
    assert seen.page.locator("#shown").text_content() == "1000 of 1000 shown"
    assert "acme-0000" in seen.page.locator(".row").first.inner_text()
    assert seen.overflow <= 0
