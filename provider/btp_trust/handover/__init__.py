"""What a target system's administrator is given: files, values to type, steps, and how to tell old from new.

For targets without an API. Everything here is public data, made of certificates alone: no network, no clock, no secret.

    target ────── which system, where in it
    kinds ─────── what SAP documents for each type of target: forms, fields, steps, how many certificates fit
    identity ──── one certificate as administration screens show it
    files ─────── the certificates in the form that the target wants
    steps ─────── what to do, in order, and afterwards
    assemble ──── HandOver: all of it
    page ──────── the same as Markdown, for a ticket
    program ───── in a Pulumi program, on outputs
    folder ────── on disk
"""
