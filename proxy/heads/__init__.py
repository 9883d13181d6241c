"""HTTP heads of the WebSocket handshake: parse, judge, name, route, forward. Pure: no I/O, no clock, no logging."""
