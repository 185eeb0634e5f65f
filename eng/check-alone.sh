#!/usr/bin/env bash
# Runs the native binary in a root directory that holds nothing else: no libc, no /proc, no /etc.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
binary=$root/artifacts/hachi/hachi
[ -x "$binary" ] || { echo "no native binary here (no C linker)"; exit 77; }
if [ "$(id -u)" = 0 ]; then
    enter=(chroot)
elif unshare -Ur true 2>/dev/null; then
    enter=(unshare -Ur chroot)
else
    echo "needs root, or user namespaces, for chroot"
    exit 77
fi
empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
cp "$binary" "$empty/hachi"

# alone STATUS WORDS ARGS...: the status must be right and the output must hold the words.
alone() {
    local expected=$1 words=$2 said status=0
    shift 2
    said=$("${enter[@]}" "$empty" /hachi "$@" 2>&1) || status=$?
    if [ "$status" != "$expected" ] || [[ "$said" != *"$words"* ]]; then
        printf 'hachi %s: status %s, expected %s and "%s"; it said:\n%s\n' "$*" "$status" "$expected" "$words" "$said"
        exit 1
    fi
}
alone 0 "hachi " --version
alone 0 "aot build" version
alone 0 "Usage:" version --help
alone 2 "no verb" nonsense
echo "$(stat -c %s "$binary") bytes"
