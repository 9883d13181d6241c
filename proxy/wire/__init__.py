"""RFC 6455 as seen by an observer of one direction's bytes. Pure; never raises on any bytes (DESIGN 5).

bytes -> FrameReader -> Frame | Part | Opaque -> MessageReader (with its Inflater) -> Assembled
"""
