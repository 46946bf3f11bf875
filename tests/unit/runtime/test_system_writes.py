"""Writes of communication systems: prepared, rehearsed, sent, repeated after a reading only, and reversed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btp_trust.certificate import parse_pem
from btp_trust.errors import (
    CredentialsRejected,
    EngineExited,
    NotAuthorized,
    OutcomeUnknown,
    Refused,
    ServiceUnavailable,
    SystemChanged,
    SystemRefused,
    TrustError,
    UnexpectedResponse,
    WriteNotApplied,
)
from btp_trust.runtime.system_writes import PreparedWrite, prepare_write
from btp_trust.service.certificate_field import FieldFormat, encode, identity, trusts
from btp_trust.service.communication_systems import TrustBlock
from btp_trust.service.transport.retry import MAX_ATTEMPTS
from support import certificates
from support.s4_tenant import (
    Fault,
    S4Tenant,
    answer,
    change_field,
    ignore,
    lose_answer,
    lose_request,
    refuse_connection,
)

OLD, NEW, OTHER = (parse_pem(certificates.certificate(number, key=b"k%d" % number)) for number in (1, 2, 3))


def tenant_of(format_: FieldFormat = FieldFormat.CERTIFICATE, **fields: object) -> S4Tenant:
    """Return a tenant whose system trusts `OLD`."""
    return S4Tenant(text=encode(OLD, format_), subject="CN=old", issuer="CN=old", **fields)  # type: ignore[arg-type]


def prepare(tenant: S4Tenant, *, rehearse: bool = False, format_: FieldFormat | None = None) -> PreparedWrite:
    """Prepare to let the system trust `NEW`."""
    return prepare_write(tenant.system(), NEW, identity(tenant.text), format_, rehearse=rehearse)


@pytest.mark.parametrize("block", TrustBlock)
@pytest.mark.parametrize("format_", FieldFormat)
def test_write_is_one_request(block: TrustBlock, format_: FieldFormat) -> None:
    """After its preparation a write is one request, in the format that the field had; reversed, two."""
    tenant = tenant_of(format_, block=block)
    before = tenant.text
    write = prepare(tenant)
    tenant.journal.clear()
    after = write.send()
    assert len(tenant.journal) == 1
    assert after.field == tenant.text == encode(NEW, format_)
    assert tenant.bodies[-1][block.subject] == f"CN={certificates.ISSUER}"
    assert write.system.trust() == after
    write.reversed().send()
    assert (tenant.text, tenant.subject, tenant.writes) == (before, "CN=old", 2)


@pytest.mark.parametrize("has_etags", [True, False])
@pytest.mark.parametrize("accepts_names", [True, False])
def test_rehearsal_changes_nothing(has_etags: bool, accepts_names: bool) -> None:  # noqa: FBT001
    """A rehearsal writes what stands there, finds out what is accepted, and leaves one request to be sent."""
    tenant = tenant_of(has_etags=has_etags, accepts_names=accepts_names)
    before = tenant.text
    write = prepare(tenant, rehearse=True)
    assert (tenant.text, tenant.subject, len(tenant.bodies)) == (before, "CN=old", 1)
    tenant.journal.clear()
    write.send()
    assert len(tenant.journal) == 1
    assert tenant.text == encode(NEW, FieldFormat.CERTIFICATE)
    write.reversed().send()
    assert tenant.text == before


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (answer(400, "Read-only"), SystemRefused),
        (answer(404, "Unknown operation"), SystemRefused),
        (answer(405), SystemRefused),
        (answer(403), NotAuthorized),
        (answer(401), CredentialsRejected),
        (answer(302), UnexpectedResponse),
        (answer(500), ServiceUnavailable),
        (lose_answer, ServiceUnavailable),
        (refuse_connection, ServiceUnavailable),
    ],
)
def test_failed_rehearsal_prepares_nothing(fault: Fault, kind: type[TrustError]) -> None:
    """What stops a PATCH stops the rehearsal, with its own error, and what the system trusts stays."""
    tenant = tenant_of()
    before = tenant.text
    tenant.faults["PATCH"] = [fault] * 9
    with pytest.raises(kind):
        prepare(tenant, rehearse=True)
    assert tenant.text == before


def test_rehearsal_ignores_empty_field() -> None:
    """An empty field is written unrehearsed; the write falls back to the field alone if names are refused."""
    tenant = S4Tenant(accepts_names=False)
    write = prepare(tenant, rehearse=True, format_=FieldFormat.CERTIFICATE)
    assert tenant.writes == 0
    write.send()
    assert trusts(tenant.text, NEW)
    assert [len(body) for body in tenant.bodies] == [1]
    write.reversed().send()
    assert tenant.text == ""


@pytest.mark.parametrize("text", ["", "who knows"])
def test_unknown_format_is_refused(text: str) -> None:
    """Where field and argument leave the format open, the write is refused."""
    tenant = S4Tenant(text=text)
    with pytest.raises(Refused, match="certificate_format") as caught:
        prepare(tenant)
    assert caught.value.prop == "certificate_format"
    prepare(tenant, format_=FieldFormat.KEY).send()
    assert tenant.text == encode(NEW, FieldFormat.KEY)


@pytest.mark.parametrize(
    "text", ["", "who knows", encode(OTHER, FieldFormat.CERTIFICATE), encode(OLD, FieldFormat.KEY)]
)
def test_changed_field_is_not_written(text: str) -> None:
    """A field that holds something else than planned is left alone, with both in the error."""
    tenant = tenant_of()
    tenant.text = text
    with pytest.raises(SystemChanged, match=rf"Planned for: {OLD.fingerprint[:8]}\. Found: "):
        prepare_write(tenant.system(), NEW, OLD.fingerprint, None, rehearse=True)
    assert tenant.writes == 0


def test_change_during_rehearsal_is_noticed() -> None:
    """The field is compared once more after the rehearsal."""
    tenant = tenant_of()
    tenant.faults["GET"] = [lambda *_: None] * 2 + [change_field(encode(OTHER, FieldFormat.KEY), lambda *_: None)]
    with pytest.raises(SystemChanged):
        prepare(tenant, rehearse=True)


transient = st.sampled_from(
    [lose_answer, lose_request, refuse_connection, answer(500), answer(503), answer(429), answer(412)]
)


@given(st.lists(transient, max_size=MAX_ATTEMPTS - 1), st.booleans())
def test_transient_faults_end_well(faults: list[Fault], has_etags: bool) -> None:  # noqa: FBT001
    """Fewer faults than attempts leave the system as wanted; each repetition follows a reading if one was in doubt."""
    tenant = tenant_of(has_etags=has_etags)
    write = prepare(tenant)
    tenant.journal.clear()
    tenant.faults["PATCH"] = list(faults)
    assert trusts(write.send().field, NEW)
    assert trusts(tenant.text, NEW)
    assert tenant.writes <= MAX_ATTEMPTS
    tenant.faults.clear()
    assert trusts(write.reversed().send().field, OLD)
    assert trusts(tenant.text, OLD)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (lose_request, WriteNotApplied),
        (answer(503), WriteNotApplied),
        (answer(412), WriteNotApplied),
        (answer(302), WriteNotApplied),
        (refuse_connection, ServiceUnavailable),
        (answer(409), SystemRefused),
        (answer(403), NotAuthorized),
        (answer(401), CredentialsRejected),
    ],
)
def test_lasting_fault_is_reported(fault: Fault, kind: type[TrustError]) -> None:
    """A write that stays undone is an error, and the system trusts what it trusted."""
    tenant = tenant_of()
    write = prepare(tenant)
    tenant.faults["PATCH"] = [fault] * 99
    with pytest.raises(kind):
        write.send()
    assert trusts(tenant.text, OLD)
    assert tenant.writes <= MAX_ATTEMPTS


@pytest.mark.parametrize("fault", [lose_answer, lose_request])
def test_unreadable_outcome_is_unknown(fault: Fault) -> None:
    """A lost answer, after which the system is unreadable, leaves the outcome open; the reversal finds out."""
    tenant = tenant_of()
    write = prepare(tenant)
    tenant.faults = {"PATCH": [fault], "GET": [answer(503)] * 99}
    with pytest.raises(OutcomeUnknown, match="Wanted"):
        write.send()
    tenant.faults.clear()
    write.reversed().send()
    assert trusts(tenant.text, OLD)


@pytest.mark.parametrize("fault", [ignore(200), ignore(204), ignore(200, "<html>")])
def test_ignored_write_is_noticed(fault: Fault) -> None:
    """An answer of success after which the field stays as it was is no success: the block is read again."""
    tenant = tenant_of()
    write = prepare(tenant)
    tenant.faults["PATCH"] = [fault]
    write.send()
    with pytest.raises(WriteNotApplied, match="still has the earlier one"):
        write.confirm()
    assert write.system.trust().field == tenant.text


def test_late_reading_is_waited_for() -> None:
    """A reading that shows the write some seconds later confirms the write."""
    tenant = tenant_of()
    write = prepare(tenant)
    write.send()
    new, tenant.text = tenant.text, write.before.field
    tenant.faults["GET"] = [lambda *_: None, change_field(new, lambda *_: None)]
    assert trusts(write.confirm().field, NEW)


def test_unreadable_write_is_believed() -> None:
    """Where the reading afterwards fails, the answer of success counts."""
    tenant = tenant_of()
    write = prepare(tenant)
    write.send()
    tenant.faults["GET"] = [answer(503)] * 9
    assert trusts(write.confirm().field, NEW)
    assert trusts(write.system.trust().field, NEW)


def test_rival_after_write_is_noticed() -> None:
    """Another certificate right after the write is another client's."""
    tenant = tenant_of()
    write = prepare(tenant)
    write.send()
    tenant.text = encode(OTHER, FieldFormat.CERTIFICATE)
    with pytest.raises(SystemChanged):
        write.confirm()


def test_system_may_store_the_key() -> None:
    """A certificate of which the system keeps the key alone has been written."""
    tenant = S4Tenant()
    write = prepare(tenant, format_=FieldFormat.CERTIFICATE)
    write.send()
    tenant.text = encode(NEW, FieldFormat.KEY)
    assert write.confirm().field == tenant.text


def test_last_answer_may_be_lost() -> None:
    """The last attempt is followed by a reading, which shows that it was done."""
    tenant = tenant_of()
    write = prepare(tenant)
    tenant.faults["PATCH"] = [lose_request] * (MAX_ATTEMPTS - 1) + [lose_answer]
    assert trusts(write.send().field, NEW)


@pytest.mark.parametrize("text", ["", encode(OTHER, FieldFormat.CERTIFICATE)])
def test_rival_write_is_not_overwritten(text: str) -> None:
    """Another certificate after a lost answer, or before a reversal, is left alone."""
    tenant = tenant_of()
    write = prepare(tenant)
    tenant.faults["PATCH"] = [change_field(text)]
    with pytest.raises(SystemChanged):
        write.send()
    with pytest.raises(SystemChanged):
        write.reversed().send()
    assert tenant.text == text


def test_nothing_is_sent_without_engine() -> None:
    """A process whose engine has exited keeps its write."""
    tenant = tenant_of()
    write = prepare(tenant)
    tenant.engine_exited = True
    with pytest.raises(EngineExited, match=OLD.fingerprint[:8]):
        write.send()
    with pytest.raises(EngineExited):
        prepare(tenant, rehearse=True)
    assert tenant.writes == 0


def test_names_are_written_where_present() -> None:
    """The names are for a field that has them."""
    tenant = tenant_of()
    tenant.subject = tenant.issuer = ""
    prepare(tenant).send()
    assert list(tenant.bodies[0]) == [TrustBlock.OAUTH2.field]
