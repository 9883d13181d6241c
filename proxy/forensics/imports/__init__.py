"""Trace files on their way into the store: `rows` reads a line of our own jsonl, `lines` a file of them as it stands,
`feeding` tells records to the pipeline, `pieces` cuts what comes of either into what is inserted at once."""
