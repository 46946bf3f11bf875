"""The hand-over for a target system's administrator: files, values to type, steps, and how to tell old from new.

For targets without an API. All of it is public data, made of certificates alone.

    target ─────────── which system, where in it
    target_types ───── what SAP documents for each type of target: formats, fields, steps, how many certificates fit
    certificate_view ─ one certificate as administration screens show it
    files ──────────── the certificates in the format of the target
    attestation ────── a file in which the target's team attests the upload
    tasks ──────────── the steps, before and after the rotation
    hand_over ──────── HandOver: all of these
    markdown ───────── the same as a page for a ticket
    program ────────── in a Pulumi program, on outputs
    folder ─────────── on disk
"""
