"""Refusals taken at their word: what the last line says is done to the text, literally, and nothing else.

Each way is a sequence of texts to deploy in this order; the last one stays. Where a remedy leaves a name or a
fingerprint open (`<…>`), one is thought up. Lines to paste, such as adopt="…", are read from the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from support.stateful.program import Text
from support.stateful.refusals import FINGERPRINT, Refusal, Way, Ways, teaching
from support.stateful.target_remedies import PROVING


def ways_out(refusal: Refusal) -> list[Way]:
    """List the ways out that a refusal names; none if its words are unknown here."""
    for pattern, follow in _REMEDIES:
        if re.search(pattern, refusal.remedy):
            return list(follow(refusal))
    return []


def _stranger(refusal: Refusal) -> Ways:
    for adopted in refusal.pasted("adopt"):
        yield Way("adopt", (replace(refusal.text, adopt=adopted, replace=None),))
    for replaced in refusal.pasted("replace"):
        yield Way("replace", (replace(refusal.text, adopt=None, replace=replaced),))


def _taken_name(refusal: Refusal) -> Ways:
    """A name is taken: that certificate gets the proposed one."""
    if "known_generations" in refusal.what:
        taken = re.findall(r"generation '([^']*)'", refusal.what)[0]
        known = {name: told for name, told in refusal.text.known.items() if name != taken}
        yield Way("new name taught", (replace(refusal.text, known={**known, **refusal.known}),))
    else:
        adopted = [*refusal.pasted("adopt"), refusal.text.adopt][0]
        yield Way("new name", (replace(refusal.text, prepares=refusal.pasted("generation")[0], adopt=adopted),))


def _second_name(refusal: Refusal) -> Ways:
    """Another one is generated, over what is named or under a name that is free; or that certificate is kept."""
    another, kept = refusal.remedy.split(" To keep that certificate: ")
    pasted = replace(refusal, message=f"{refusal.what}\n{another}")
    for name in pasted.pasted("generation"):
        yield Way("another one", (replace(refusal.text, prepares=name, adopt=None),))
    for named in pasted.pasted("replace"):
        yield Way("another one", (replace(refusal.text, replace=named, adopt=None),))
    pasted = replace(refusal, message=f"{refusal.what}\n{kept}")
    adopted = pasted.pasted("adopt")[0]
    yield Way("keep its name", (replace(refusal.text, prepares=pasted.pasted("generation")[0], adopt=adopted),))
    if "To give it both names" in kept:
        yield Way("both names", (replace(refusal.text, adopt=adopted),))


def _used_name(refusal: Refusal) -> Ways:
    yield Way("new name", (replace(refusal.text, prepares=refusal.pasted("generation")[0], adopt=None),))


def _minted_name(refusal: Refusal) -> Ways:
    yield Way("new name", (replace(refusal.text, prepares=refusal.pasted("generation")[0]),))
    for adopted in refusal.pasted("adopt"):
        yield Way("adopt", (replace(refusal.text, adopt=adopted),))


def _one_of_these(refusal: Refusal) -> Ways:
    why = "\n".join(refusal.message.splitlines()[1:-1])
    for held in FINGERPRINT.findall(why):
        yield Way("adopt another", (replace(refusal.text, adopt=held),))
    yield Way("remove adopt", (replace(refusal.text, adopt=None),))


def _remove_adopt(refusal: Refusal) -> Ways:
    yield Way("remove adopt", (replace(refusal.text, adopt=None),))


def _first_alone(refusal: Refusal) -> Ways:
    yield Way("generate alone", (Text(generate=True), refusal.text))


def _generate(refusal: Refusal) -> Ways:
    yield Way("generate", (replace(refusal.text, generate=True),))


def _begin_anew(_: Refusal) -> Ways:
    yield Way("begin anew", (Text(has_active=False), Text(generate=True)))


def _keep(refusal: Refusal) -> Ways:
    """Two deployments: first with the earlier name, then with the new one."""
    kept = refusal.pasted("generation")[0]
    name = refusal.fresh() if kept.startswith("<") else kept
    yield Way("two deployments", (replace(refusal.text, signs=name), refusal.text))
    if refusal.known:
        yield teaching(refusal, refusal.text)


def _restore_first(refusal: Refusal) -> Ways:
    yield Way("restore first", (refusal.before(), refusal.text))
    yield Way("report", (replace(refusal.text, on_drift="report"),))


def _record_first(refusal: Refusal) -> Ways:
    active = refusal.twin.slots[0]
    known = [name for name, told in refusal.text.known.items() if told == active]
    yield Way("record first", (replace(refusal.text, signs=[*known, refusal.fresh()][0]), refusal.text))


def _swap_first(refusal: Refusal) -> Ways:
    with_candidate = replace(refusal.text, has_candidate=True)
    first = replace(refusal.before(), has_candidate=refusal.text.has_candidate)
    yield Way("swap first", (first, with_candidate))


def _candidate_back(refusal: Refusal) -> Ways:
    passive = [each for each in refusal.twin.state.values() if each.kind == "passive"]
    if not passive:  # it is gone already: only the argument was taken away in this command
        yield Way("swap first", (refusal.text,))
        return
    name = next(name for name, each in refusal.twin.state.items() if each is passive[0])
    back = replace(
        refusal.text,
        passive_name=name,
        prepares=passive[0].inputs["generation"],
        adopt=passive[0].inputs.get("adopt"),
        replace=passive[0].inputs.get("replace"),
        has_candidate=True,
    )
    yield Way("swap, then retire", (back, refusal.text))


def _declare_another(refusal: Refusal) -> Ways:
    """One of the known names; or prepare the new one; or teach it."""
    for name in re.findall(r"^  (.+): [0-9a-f]{64}$", refusal.message, re.MULTILINE):
        yield Way("declare a known name", (replace(refusal.text, signs=name),))
    declared = refusal.trigger.inputs["generation"] if refusal.trigger else None
    new = replace(refusal.text, prepares=refusal.pasted("generation")[0], adopt=None, replace=None, has_candidate=True)
    yield Way("prepare it", (replace(new, signs=declared), new))
    yield teaching(refusal, refusal.text)


def _declare_what_signs(refusal: Refusal) -> Ways:
    yield teaching(refusal, replace(refusal.text, signs=refusal.pasted("generation")[0]))


def _drift(refusal: Refusal) -> Ways:
    for name in refusal.pasted("generation"):
        yield teaching(refusal, replace(refusal.text, signs=name))
    yield teaching(refusal, replace(refusal.text, on_drift="restore"))


def _successor(refusal: Refusal) -> Ways:
    name = refusal.fresh()
    declared = refusal.trigger.inputs["generation"] if refusal.trigger else refusal.text.signs
    first = replace(refusal.text, prepares=name, adopt=None, replace=None, has_candidate=True, signs=declared)
    yield Way("a successor", (first, replace(first, signs=name)))


def _new_name_for_passive(refusal: Refusal) -> Ways:
    yield Way("a new generation", (replace(refusal.text, prepares=refusal.fresh(), adopt=None),))


def _outage(refusal: Refusal) -> Ways:
    yield Way("rotate instead", (replace(refusal.text, renew=None),))
    yield Way("accept the outage", (replace(refusal.text, accept_outage=True),))


def _renew_later(refusal: Refusal) -> Ways:
    yield Way("renew later", (replace(refusal.text, renew=None), refusal.text))


def _renew_alone(refusal: Refusal) -> Ways:
    yield Way("rotate instead", (replace(refusal.text, renew=None),))
    yield Way("renew alone", (replace(refusal.text, signs=None),))


def _unset(refusal: Refusal) -> Ways:
    yield Way("unset", (refusal.text,), settings=tuple(re.findall(r"config rm (\S+)", refusal.remedy)))


def _take_note(refusal: Refusal) -> Ways:
    yield Way("refresh", (refusal.text,), refresh=True)
    yield Way("take note", (replace(refusal.text, signs=refusal.pasted("generation")[0]), refusal.text))


def _wait(refusal: Refusal) -> Ways:
    until = re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", refusal.remedy)
    yield Way("wait", (refusal.text,), wait_until=datetime.fromisoformat(until[0]) if until else None)


_REMEDIES: Final[list[tuple[str, Callable[[Refusal], Ways]]]] = [
    *PROVING,
    (r"config rm btp-trust:", _unset),
    (r"^If '.*adopt=", _stranger),
    (r"^To generate another one for", _second_name),
    (r"^Give PassiveTrustCertificate a name that was not used before", _minted_name),
    (r"^Give (that|the) (certificate|adopted certificate|certificate of adopt=) a (new )?name", _taken_name),
    (r"^Give `generation` a name", _used_name),
    (r"^Name one of these in adopt=", _one_of_these),
    (r"^Remove adopt=", _remove_adopt),
    (r"^Deploy ActiveTrustCertificate\(…, generate=True\) alone", _first_alone),
    (r"^To make the first one", _generate),
    (r"To begin anew", _begin_anew),
    (r"^Let the signer be restored first", _restore_first),
    (r"^(Keep|Deploy once with) generation=", _keep),
    (r"^Create it with a name for the certificate that signs now", _record_first),
    (r"^Deploy the change of the RotationTrigger first", _swap_first),
    (r"^Put candidate= and the PassiveTrustCertificate back", _candidate_back),
    (r"^Declare one of these", _declare_another),
    (r"^To declare what signs now", _declare_what_signs),
    (r"^To accept it", _drift),
    (r"^Prepare a new certificate", _successor),
    (r"until `generation` gets a new name", _new_name_for_passive),
    (r"accept_outage=True", _outage),
    (r"^Rotate instead", _renew_alone),
    (r"^Remove renew_fingerprint= for this deployment", _renew_later),
    (r"^Take note of what signs first", _take_note),
    (r"([Rr]un|[Ww]ait|Create a new service key|Use a service key|Check the service key|Find out who)", _wait),
]
"""The words of a remedy, and what a reader does who takes them literally."""
