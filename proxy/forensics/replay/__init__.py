"""Replay: a recorded session played again, as the charge point against another CSMS or as the CSMS against a charge
point on the bench, and what was answered then and now compared (docs/REPLAY.md).

    spoken, recording             what was said on a connection, from rows of the store or records of a trace
    script                        what the replayed side says, in order, and what it waits for
    manner                        how fast, how patient, with which words changed
    conversation, answers         all of it together: texts and time in, texts out
    substitution, places, paths   ids that the target issues in place of the recorded ones, and where they stand
    judging, diff, outcome        what differs
    report, page                  how it is told
    asked, production             what the operator typed, and the CSMS that is not to be met by mistake

These are pure: no I/O, no clock. The shells are `sources`, `line`, `dialling`, `as_charge_point`, `as_csms`, `feed`,
`follow` and `running`.
"""
