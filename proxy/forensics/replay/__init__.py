"""Replay: a recorded session played again, as the charge point against another CSMS or as the CSMS against a charge
point on the bench, and what was answered then and now compared (docs/REPLAY.md).

    recording   what was said on a connection, from rows of the store or records of a trace
    script      what the replayed side says, in order, and what it waits for
    conversation  both together: texts and time in, texts out
    substitution  ids that the target issues in place of the recorded ones
    diff, outcome, report, page   what differs, and how it is told
These are pure: no I/O, no clock. The shells are `sources`, `dialling`, `as_charge_point`, `as_csms` and `follow`.
"""
