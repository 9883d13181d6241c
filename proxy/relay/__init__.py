"""The relay worker: bytes between charge points and CSMS, journalled first (DESIGN 3). Knows heads, not frames."""
