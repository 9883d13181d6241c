"""What is recorded, without whom it is about: names stand for names, and what is nobody's name stays as it is. Pure.

    permutation   a keyed cycle through the numbers below any size
    pseudonyms    another name for a name: of the same shape and length, the same each time, never itself
    words         the standard's words, and ours: what says nothing of anybody
    keys          what a member's name says about its value
    texts         text, URLs, targets, sentences: token by token, a word that is not known is replaced
    messages      OCPP-J texts, each value in its place, everything else left as it was written
    heads         HTTP heads
    frames        rows of `frames`, in order, with their lengths and offsets
    rows          rows of the other tables

Nobody decides here what is secret: what is not known to be harmless is replaced.
"""
