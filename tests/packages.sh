#!/bin/sh
# Installs the Debian packages that tests need and that are missing: file or command -> package.
set -e
missing=""
command -v promtool >/dev/null || missing="$missing prometheus"
command -v curl >/dev/null || missing="$missing curl"
command -v gcc >/dev/null || missing="$missing gcc libc6-dev"
command -v ip >/dev/null || missing="$missing iproute2"
command -v nft >/dev/null || missing="$missing nftables"
[ -e /usr/include/openssl/ssl.h ] || missing="$missing libssl-dev"
command -v tshark >/dev/null || missing="$missing tshark"
command -v chromium >/dev/null || missing="$missing chromium"
command -v clickhouse-server >/dev/null || missing="$missing clickhouse-server"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed (needs root and apt):$missing; the tests that need them will be skipped and say so" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# tshark's package asks whether everybody may capture: tests only read files.
! command -v debconf-set-selections >/dev/null ||
    echo "wireshark-common wireshark-common/install-setuid boolean false" | debconf-set-selections
apt-get -o DPkg::Lock::Timeout=300 update -qq
# shellcheck disable=SC2086
apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $missing >/dev/null
