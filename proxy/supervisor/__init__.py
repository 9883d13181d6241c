"""Starts, watches and restarts the other processes (DESIGN 1). No HTTP, no traffic, 200 lines of code."""
