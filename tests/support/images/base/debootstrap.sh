#!/bin/sh
# Writes the root folder of a small Debian with Python as a tar archive on standard output. usage: debootstrap.sh SUITE
set -eu
suite=$1
command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "debootstrap needs root: run this as root, or give Docker a registry" >&2; exit 1; }
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | head -n 1)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates,libpython3.11,python3-venv "$suite" "$root" ${mirror:+"$mirror"} >&2
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/doc "$root"/usr/share/man
ln -s python3 "$root/usr/bin/python"
cp "$(dirname "$0")/nslookup" "$root/usr/local/bin/"
chmod 755 "$root" "$root/usr/local/bin/nslookup"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" # this machine may trust more than Debian does
tar -C "$root" --numeric-owner --sort=name -c .
