"""nginx and HAProxy as they are compared: one worker, one thread, no logs, a WebSocket passed on and nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MOST_CONNECTIONS = 8_000
"""Two descriptors each; 20,000 is a common hard limit."""


@dataclass(frozen=True)
class Certificate:
    """PEM files; `both` holds chain and key."""

    chain: str
    key: str
    both: str


@dataclass(frozen=True)
class Place:
    """Where a candidate is started; it speaks TLS to the front where it has a certificate."""

    folder: Path
    port: int
    upstream: int
    certificate: Certificate | None = None


_NGINX = """\
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections {files}; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port}{tls} backlog=4096;
        {certificate}
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_set_header Host $http_host;
            proxy_read_timeout 600s;
            proxy_send_timeout 600s;
        }}
    }}
}}
"""
_NGINX_TLS = "ssl_certificate {chain}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;"

_HAPROXY = """\
global
    nbthread 1
    maxconn {connections}
    tune.ssl.default-dh-param 2048
defaults
    mode {mode}
    timeout connect 10s
    timeout client 600s
    timeout server 600s
    timeout tunnel 600s
frontend front
    bind 127.0.0.1:{port}{tls} backlog 4096
    default_backend back
backend back
    server csms 127.0.0.1:{upstream}
"""


def nginx(place: Place) -> str:
    tls = place.certificate
    return _NGINX.format(
        files=2 * MOST_CONNECTIONS + 100,
        folder=place.folder,
        port=place.port,
        upstream=place.upstream,
        tls=" ssl" if tls else "",
        certificate=_NGINX_TLS.format(chain=tls.chain, key=tls.key) if tls else "",
    )


def haproxy(place: Place, mode: Literal["tcp", "http"]) -> str:
    return _HAPROXY.format(
        connections=MOST_CONNECTIONS,
        mode=mode,
        port=place.port,
        upstream=place.upstream,
        tls=f" ssl crt {place.certificate.both}" if place.certificate else "",
    )
