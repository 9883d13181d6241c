"""Questions to the store about what passed: sessions, live tail, verification. Reads only."""
