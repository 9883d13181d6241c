"""The write-ahead journal: every byte that passes is in a segment file before it is forwarded (DESIGN 4).

writer and keeper write (event loop and sync thread of one relay worker); reader, lane and merge read;
handover is all that the two threads share. Payloads are opaque bytes here.
"""
