#!/usr/bin/env bash
# apt-install.sh PART...: installs those packages of apt-packages.txt that this machine lacks; says so on stderr.
set -euo pipefail
list=$(dirname "$(readlink -f "$0")")/apt-packages.txt

wanted=()
for part in "$@"; do
  mapfile -t -O "${#wanted[@]}" wanted < <(awk -v part="[$part]" '/^#|^$/ { next } /^\[/ { on = $0 == part; next } on' "$list")
done
missing=()
for package in "${wanted[@]}"; do
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done
((${#missing[@]} == 0)) && exit 0

if ! command -v apt-get >/dev/null; then
  echo "keelson: this is not Debian; install these yourself: ${missing[*]}" >&2
  exit 71
fi
as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "keelson: packages are missing and neither root nor sudo is at hand. As root, run:" >&2
    echo "  apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 77
  fi
  as_root=(sudo)
fi
echo "keelson: installing ${#missing[@]} packages: ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@" >>"$log" 2>&1; }
if ! { run apt-get update && run apt-get install -y --no-install-recommends "${missing[@]}"; }; then
  tail -n 20 "$log" >&2
  echo "keelson: apt-get failed (above); once these are installed, run this again: ${missing[*]}" >&2
  exit 71
fi
