#!/usr/bin/env bash
# check_symbols.sh ARCHIVE ALLOW: fails when the archive needs a symbol from outside that ALLOW does not list.
set -euo pipefail
archive=$1 allow=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

nm --demangle --defined-only "$archive" | sed -nE 's/^[0-9a-f]+ [A-Za-z] //p' | LC_ALL=C sort -u >"$folder/defined"
nm --demangle --undefined-only "$archive" | sed -nE 's/^ +[Uvw] //p' | LC_ALL=C sort -u >"$folder/undefined"
grep -vE '^(#|$)' "$allow" >"$folder/allowed"
LC_ALL=C comm -13 "$folder/defined" "$folder/undefined" | { grep -vxEf "$folder/allowed" || true; } >"$folder/forbidden"

if [[ -s $folder/forbidden ]]; then
  echo "kernel/ must decide, not do; $archive needs:"
  while read -r symbol; do
    echo "  $symbol"
    nm --demangle --undefined-only "$archive" 2>/dev/null |
      awk -v symbol="$symbol" '/:$/ { object = $0 } substr($0, index($0, $2)) == symbol { print "    in " object }'
  done <"$folder/forbidden"
  echo "Find another way, or argue for a line in $allow."
  exit 1
fi
echo "$(wc -l <"$folder/undefined") undefined symbols, all allowed"
