"""Simulated peers: a CSMS and a fleet of charge points, both correct but for the faults asked for.

They stand on the `ocpp` package (messages, schemas, correlation) and on `websockets`; nothing of ours is
imported, so that they can judge the proxy. In a process of their own:

    python -m proxy.simulator csms --listen 127.0.0.1:9100
    python -m proxy.simulator fleet --to ws://127.0.0.1:9000/ocpp --charge-points 20 --fault silence

or blocking from code: `csms.run(...)`, `fleet.run(...)`; or inside an event loop:
`async with Csms(CsmsSettings()) as csms: await Fleet(FleetSettings(to=csms.url)).run()`.

Everything random comes from `random.Random(seed)`; times are the clock's. What a summary counts: `tally.py`.
"""
