"""Remedies of refusals: the last line of a message, followed literally.

Each remedy is a sequence of programs to deploy in this order; the last one stays. A placeholder for a name or a
fingerprint (`<…>`) gets a new value. Lines to paste, such as adopt="…", are read from the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from support.stateful.program import ProgramSpec
from support.stateful.refusals import FINGERPRINT, Refusal, Remedies, Remedy, declare_known_generations
from support.stateful.system_remedies import SYSTEM_REMEDIES
from support.stateful.target_remedies import TARGET_REMEDIES
from support.stateful.time_remedies import TIME_REMEDIES


def remedies(refusal: Refusal) -> list[Remedy]:
    """Return the remedies that a refusal names; [] if its words are unknown here."""
    for pattern, find_remedies in _REMEDIES:
        if re.search(pattern, refusal.remedy):
            return list(find_remedies(refusal))
    return []


def _foreign_certificate(refusal: Refusal) -> Remedies:
    for adopted in refusal.pasteable_values("adopt"):
        yield Remedy("adopt", (replace(refusal.spec, adopt=adopted, replace=None),))
    for replaced in refusal.pasteable_values("replace"):
        yield Remedy("replace", (replace(refusal.spec, adopt=None, replace=replaced),))


def _name_taken(refusal: Refusal) -> Remedies:
    """A name is used: the certificate gets the proposed one."""
    if "known_generations" in refusal.problem:
        used = re.findall(r"generation '([^']*)'", refusal.problem)[0]
        kept = {name: value for name, value in refusal.spec.known_generations.items() if name != used}
        known = {**kept, **refusal.known_generations}
        yield Remedy("new name in known_generations", (replace(refusal.spec, known_generations=known),))
    else:
        adopted = [*refusal.pasteable_values("adopt"), refusal.spec.adopt][0]
        yield Remedy(
            "new name",
            (replace(refusal.spec, passive_generation=refusal.pasteable_values("generation")[0], adopt=adopted),),
        )


def _second_generation_name(refusal: Refusal) -> Remedies:
    """Another certificate is generated, over the named one or under an unused name; or the certificate is kept."""
    another, kept = refusal.remedy.split(" To keep that certificate: ")
    part = replace(refusal, message=f"{refusal.problem}\n{another}")
    for name in part.pasteable_values("generation"):
        yield Remedy("another one", (replace(refusal.spec, passive_generation=name, adopt=None),))
    for replaced in part.pasteable_values("replace"):
        yield Remedy("another one", (replace(refusal.spec, replace=replaced, adopt=None),))
    part = replace(refusal, message=f"{refusal.problem}\n{kept}")
    adopted = part.pasteable_values("adopt")[0]
    yield Remedy(
        "keep its name",
        (replace(refusal.spec, passive_generation=part.pasteable_values("generation")[0], adopt=adopted),),
    )
    if "To give it both names" in kept:
        yield Remedy("both names", (replace(refusal.spec, adopt=adopted),))


def _name_already_used(refusal: Refusal) -> Remedies:
    yield Remedy(
        "new name", (replace(refusal.spec, passive_generation=refusal.pasteable_values("generation")[0], adopt=None),)
    )


def _name_of_generated(refusal: Refusal) -> Remedies:
    yield Remedy("new name", (replace(refusal.spec, passive_generation=refusal.pasteable_values("generation")[0]),))
    for adopted in refusal.pasteable_values("adopt"):
        yield Remedy("adopt", (replace(refusal.spec, adopt=adopted),))


def _adopt_another(refusal: Refusal) -> Remedies:
    why = "\n".join(refusal.message.splitlines()[1:-1])
    for fingerprint in FINGERPRINT.findall(why):
        yield Remedy("adopt another", (replace(refusal.spec, adopt=fingerprint),))
    yield Remedy("remove adopt", (replace(refusal.spec, adopt=None),))


def _remove_adopt(refusal: Refusal) -> Remedies:
    yield Remedy("remove adopt", (replace(refusal.spec, adopt=None),))


def _generate_alone(refusal: Refusal) -> Remedies:
    yield Remedy("generate alone", (ProgramSpec(generate=True), refusal.spec))


def _generate(refusal: Refusal) -> Remedies:
    yield Remedy("generate", (replace(refusal.spec, generate=True),))


def _start_over(_: Refusal) -> Remedies:
    yield Remedy("start over", (ProgramSpec(has_active=False), ProgramSpec(generate=True)))


def _rotate_in_two_deployments(refusal: Refusal) -> Remedies:
    """Two deployments: first with the earlier name, then with the new one."""
    kept = refusal.pasteable_values("generation")[0]
    name = refusal.new_name() if kept.startswith("<") else kept
    yield Remedy("two deployments", (replace(refusal.spec, active_generation=name), refusal.spec))
    if refusal.known_generations:
        yield declare_known_generations(refusal, refusal.spec)


def _restore_first(refusal: Refusal) -> Remedies:
    yield Remedy("restore first", (refusal.with_recorded_passive(), refusal.spec))
    yield Remedy("report", (replace(refusal.spec, on_drift="report"),))


def _record_first(refusal: Refusal) -> Remedies:
    active = refusal.engine.slots[0]
    known = [name for name, fingerprint in refusal.spec.known_generations.items() if fingerprint == active]
    yield Remedy(
        "record first", (replace(refusal.spec, active_generation=[*known, refusal.new_name()][0]), refusal.spec)
    )


def _swap_first(refusal: Refusal) -> Remedies:
    with_candidate = replace(refusal.spec, has_candidate=True)
    first = replace(refusal.with_recorded_passive(), has_candidate=refusal.spec.has_candidate)
    yield Remedy("swap first", (first, with_candidate))


def _restore_candidate(refusal: Refusal) -> Remedies:
    passive = [resource for resource in refusal.engine.state.values() if resource.kind == "passive"]
    if not passive:  # the resource is gone: only the argument was removed in this command
        yield Remedy("swap first", (refusal.spec,))
        return
    name = next(name for name, resource in refusal.engine.state.items() if resource is passive[0])
    restored = replace(
        refusal.spec,
        passive_name=name,
        passive_generation=passive[0].inputs["generation"],
        adopt=passive[0].inputs.get("adopt"),
        replace=passive[0].inputs.get("replace"),
        has_candidate=True,
    )
    yield Remedy("swap, then retire", (restored, refusal.spec))


def _declare_another(refusal: Refusal) -> Remedies:
    """A known generation is declared; or the new one is prepared, or added to known_generations."""
    for name in re.findall(r"^  (.+): [0-9a-f]{64}$", refusal.message, re.MULTILINE):
        yield Remedy("declare a known name", (replace(refusal.spec, active_generation=name),))
    declared = refusal.trigger.inputs["generation"] if refusal.trigger else None
    new = replace(
        refusal.spec,
        passive_generation=refusal.pasteable_values("generation")[0],
        adopt=None,
        replace=None,
        has_candidate=True,
    )
    yield Remedy("prepare it", (replace(new, active_generation=declared), new))
    yield declare_known_generations(refusal, refusal.spec)


def _declare_active(refusal: Refusal) -> Remedies:
    yield declare_known_generations(
        refusal, replace(refusal.spec, active_generation=refusal.pasteable_values("generation")[0])
    )


def _drift(refusal: Refusal) -> Remedies:
    for name in refusal.pasteable_values("generation"):
        yield declare_known_generations(refusal, replace(refusal.spec, active_generation=name))
    yield declare_known_generations(refusal, replace(refusal.spec, on_drift="restore"))


def _prepare_successor(refusal: Refusal) -> Remedies:
    name = refusal.new_name()
    declared = refusal.trigger.inputs["generation"] if refusal.trigger else refusal.spec.active_generation
    first = replace(
        refusal.spec, passive_generation=name, adopt=None, replace=None, has_candidate=True, active_generation=declared
    )
    yield Remedy("a successor", (first, replace(first, active_generation=name)))


def _new_name_for_passive(refusal: Refusal) -> Remedies:
    yield Remedy("a new generation", (replace(refusal.spec, passive_generation=refusal.new_name(), adopt=None),))


def _accept_outage(refusal: Refusal) -> Remedies:
    yield Remedy("rotate instead", (replace(refusal.spec, renew=None),))
    yield Remedy("accept the outage", (replace(refusal.spec, accept_outage=True),))


def _renew_later(refusal: Refusal) -> Remedies:
    yield Remedy("renew later", (replace(refusal.spec, renew=None), refusal.spec))


def _renew_alone(refusal: Refusal) -> Remedies:
    yield Remedy("rotate instead", (replace(refusal.spec, renew=None),))
    yield Remedy("renew alone", (replace(refusal.spec, active_generation=None),))


def _unset_config(refusal: Refusal) -> Remedies:
    yield Remedy("unset", (refusal.spec,), removed_settings=tuple(re.findall(r"config rm (\S+)", refusal.remedy)))


def _pass_once(refusal: Refusal) -> Remedies:
    yield Remedy("not strict", (refusal.spec,), removed_settings=("btp-trust:strict",))


def _record_active(refusal: Refusal) -> Remedies:
    yield Remedy("refresh", (refusal.spec,), refresh=True)
    yield Remedy(
        "record the active one",
        (replace(refusal.spec, active_generation=refusal.pasteable_values("generation")[0]), refusal.spec),
    )


def _wait(refusal: Refusal) -> Remedies:
    until = re.findall(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", refusal.remedy)
    yield Remedy("wait", (refusal.spec,), wait_until=datetime.fromisoformat(until[0]) if until else None)


_REMEDIES: Final[list[tuple[str, Callable[[Refusal], Remedies]]]] = [
    *TARGET_REMEDIES,
    *SYSTEM_REMEDIES,
    *TIME_REMEDIES,
    (r"config rm btp-trust:", _unset_config),
    (r"^Ask who did that.*--config btp-trust:strict=false", _pass_once),
    (r"^If '.*adopt=", _foreign_certificate),
    (r"^To generate another one for", _second_generation_name),
    (r"^Give PassiveTrustCertificate a name that was not used before", _name_of_generated),
    (r"^Give (that|the) (certificate|adopted certificate|certificate of adopt=) a (new )?name", _name_taken),
    (r"^Give `generation` a name", _name_already_used),
    (r"^Name one of these in adopt=", _adopt_another),
    (r"^Remove adopt=", _remove_adopt),
    (r"^Deploy ActiveTrustCertificate\(…, generate=True\) alone", _generate_alone),
    (r"^To generate the first one", _generate),
    (r"To start over", _start_over),
    (r"^Let the signer be restored first", _restore_first),
    (r"^(Keep|Deploy once with) generation=", _rotate_in_two_deployments),
    (r"^Create it with a name for the certificate that signs now", _record_first),
    (r"^Deploy the change of the RotationTrigger first", _swap_first),
    (r"^Restore candidate= and the PassiveTrustCertificate", _restore_candidate),
    (r"^Declare one of these", _declare_another),
    (r"^To declare the active certificate", _declare_active),
    (r"^To accept it", _drift),
    (r"^Prepare a new certificate", _prepare_successor),
    (r"until `generation` gets a new name", _new_name_for_passive),
    (r"accept_outage=True", _accept_outage),
    (r"^Rotate instead", _renew_alone),
    (r"^Remove renew_fingerprint= for this deployment", _renew_later),
    (r"^Record the active certificate first", _record_active),
    (r"([Rr]un|[Ww]ait|Create a new service key|Use a service key|Check the service key|Find out who)", _wait),
]
"""(words of a remedy, the remedies that follow from them literally)."""
