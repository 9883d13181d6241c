"""The store (DESIGN 6): ClickHouse, embedded in a process of its own or a server; clients, schema, encoding.

The embedded store's process is `python -m proxy.store <data directory>`; everybody else comes in through
`proxy.store.client`.
"""
