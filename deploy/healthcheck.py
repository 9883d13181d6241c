"""The image's HEALTHCHECK: exit 0 while admin answers /livez. Asks where the container's environment says it listens.

Liveness, not readiness: a container whose CSMS is down must not be restarted for it. Standard library alone.
"""

from __future__ import annotations

import http.client
import os
import sys

LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "::1"}
"""Whoever listens at all addresses does at this one."""


def main() -> int:
    host, _, port = os.environ.get("OCPPTAP_ADMIN__LISTEN", "127.0.0.1:9180").rpartition(":")
    token = os.environ.get("OCPPTAP_ADMIN__TOKEN", "")
    admin = http.client.HTTPConnection(LOOPBACK.get(host, host.strip("[]")), int(port), timeout=5)
    try:
        admin.request("GET", "/livez", headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = admin.getresponse()
    except (OSError, http.client.HTTPException) as error:
        print(error)
        return 1
    print(answer.status, answer.read(100).decode("utf-8", "replace").strip())
    return answer.status != 200


if __name__ == "__main__":
    sys.exit(main())
