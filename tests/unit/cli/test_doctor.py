"""The text and the JSON of `btp-trust doctor`, from diagnoses with chosen contents."""

from __future__ import annotations

import json

from btp_trust_cli.diagnosis import Diagnosis, Step
from btp_trust_cli.doctor import doctor_document, doctor_text
from support.statuses import ERROR

FINE = Diagnosis("connection test", (Step("credentials", "BTP_TRUST_SERVICE_KEY_TEST"), Step("token", "from a URL")))
CLOSED = Diagnosis("connection prod", (Step("slots", error=ERROR), Step("destinations", "2 readable")))

TEXT = """\
CRITICAL: 1 of 4 steps failed

connection test:
  ok    credentials         BTP_TRUST_SERVICE_KEY_TEST
  ok    token               from a URL

connection prod:
  FAIL  slots               GET was refused: 403.
        The token is for other things.
        Use another key.
  ok    destinations        2 readable
"""


def test_failed_step_says_what_to_do() -> None:
    """Its three parts have a line each."""
    assert doctor_text([FINE, CLOSED]) == TEXT
    assert doctor_text([FINE]).startswith("OK: all 2 steps passed\n")


def test_colors_only_on_request() -> None:
    """Escape sequences are for terminals."""
    assert "\x1b[1;31mFAIL" in doctor_text([CLOSED], width=80, is_colored=True)


def test_document_has_every_step() -> None:
    """The JSON has the same, with the class of an error."""
    document = json.loads(json.dumps(doctor_document([FINE, CLOSED])))
    assert (document["format"], document["state"], document["exit_code"]) == (1, "CRITICAL", 2)
    passed, failed = document["checks"][0]["steps"][0], document["checks"][1]["steps"][0]
    assert passed == {"step": "credentials", "passed": True, "detail": "BTP_TRUST_SERVICE_KEY_TEST", "error": None}
    assert (failed["passed"], failed["error"]["kind"], failed["detail"]) == (False, "NotAuthorized", None)
