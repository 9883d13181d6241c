"""The admin part: liveness, readiness and metrics over HTTP. Reads files, asks nobody, shows no traffic."""
