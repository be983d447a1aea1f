#!/bin/sh
# report_in_browser.sh KEELSON_MUTANTS SCENARIOS: the page of a failing run checks itself in a browser: the causal past, and
# what clients saw. Exit code 77: there is no browser (1 where KEELSON_BROWSER=required, as in CI).
set -eu
if ! command -v chromium >/dev/null; then
  echo "no chromium (cmake/apt-install.sh look): the page is not tried"
  [ "${KEELSON_BROWSER-}" = required ] && exit 1 || exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$1" client.accepts_old_reply --scenario "$2/clients/black_box.textproto" --seed 1 --limits tiny --report "$dir/out.html" ||
  true # it fails, as it should
timeout 200 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$dir/profile" --window-size=1500,950 \
  --virtual-time-budget=8000 --dump-dom "file://$dir/out.html#selftest" 2>/dev/null |
  sed -n '/<pre id="selftest"/,/<\/pre>/p' >"$dir/told"
cat "$dir/told"
grep -q '>PASSED' "$dir/told" && grep -q 'ok   a click on it selects the call' "$dir/told"
