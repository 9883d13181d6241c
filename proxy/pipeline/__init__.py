"""From recorded bytes to rows and findings. Pure: no I/O, no clock of its own, no logging (DESIGN 5).

    data() -> Lane: frames -> Connection: messages, joined calls, facts -> Runner: findings
                 \\-> rows -> Batcher -> batches, each with its deterministic number

Its inputs are methods (`Pipeline.mark opened refused data closed gap ...`): the recorder calls them from
journals, trace readers from files. Everything that comes out is a function of what went in, in order.
"""
