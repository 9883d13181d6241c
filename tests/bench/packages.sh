#!/bin/sh
# Installs what the benchmark compares with and is missing: nginx, haproxy, and what builds the load generator.
# Candidates that cannot be installed are left out by the benchmark, which says so.
set -e
missing=""
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing="$missing nginx-light"
command -v haproxy >/dev/null || [ -x /usr/sbin/haproxy ] || missing="$missing haproxy"
command -v gcc >/dev/null || missing="$missing gcc libc6-dev"
[ -f /usr/include/openssl/ssl.h ] || missing="$missing libssl-dev"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed (needs root and apt):$missing; the benchmark leaves out what it cannot run" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# The packages start their services at once; 101 from policy-rc.d forbids it. An existing one is not ours to touch.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq || true
for package in $missing; do # one by one: a package that is not to be had must not cost the others
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null || echo "not installed: $package" >&2
done
