"""The embedded store: its process (engine, server, rights), and the client that starts it and talks to it."""
