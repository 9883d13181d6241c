"""Simulated peers: a CSMS and a fleet of charge points, both correct but for the faults asked for.

They stand on the `ocpp` package (messages, schemas, correlation) and on `websockets`; nothing of ours is
imported, so that they can judge the proxy. In a process of their own:

    python -m proxy.simulator csms --listen 127.0.0.1:9100
    python -m proxy.simulator fleet --to ws://127.0.0.1:9000/ocpp --charge-points 20 --fault silence

or blocking from code: `csms.run(...)`, `fleet.run(...)`; or inside an event loop:
`async with Csms(CsmsSettings()) as csms: await Fleet(FleetSettings(to=csms.url)).run()`.

What happens is told once, in no version's words: the steps and commands of scenario.py. A life (life.py) chooses
them at random or by the book, a station (station.py above online.py) plays them, its CSMS (csms_session.py) asks;
station16.py, station2.py, csms16.py and csms2.py say it in 1.6 and 2.x, dialect.py what differs.

Everything random comes from `random.Random(seed)`; times are the clock's. What a summary counts: `tally.py`.
"""
