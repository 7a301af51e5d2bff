#!/bin/sh
# Installs the Debian packages that the given purposes need, as root or through sudo. It asks before,
# unless YES=1 or CI is set; where it may not or cannot, it names exactly what is missing and fails.
# Purposes: build, fuzz, tidy.
set -eu
PYTHON=${PYTHON:-python3}
wanted=""
for purpose in "$@"; do
    case $purpose in
    build)
        wanted="$wanted g++ libdeflate-dev nlohmann-json3-dev"
        # A Python from elsewhere brings its own headers; Debian's has them in another package.
        header=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_path("include") + "/Python.h")')
        [ -e "$header" ] || wanted="$wanted python3-dev"
        "$PYTHON" -c 'import ensurepip' 2>/dev/null || wanted="$wanted python3-venv"
        ;;
    fuzz) wanted="$wanted clang" ;;
    tidy) wanted="$wanted clang-tidy" ;;
    *) echo "unknown purpose: $purpose" >&2; exit 2 ;;
    esac
done
missing=""
for package in $wanted; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing="$missing $package"
done
[ -n "$missing" ] || exit 0
give_up() {
    echo "Missing system packages:$missing" >&2
    echo "Install them and run make again$1:  apt-get install$missing" >&2
    exit 1
}
if [ "$(id -u)" = 0 ]; then
    sudo=""
elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    sudo="sudo"
else
    give_up ""
fi
if [ "${YES:-}" != 1 ] && [ -z "${CI:-}" ]; then
    [ -t 0 ] || give_up ", or let make do it with YES=1"
    printf 'Install the system packages%s? [y/N] ' "$missing"
    read -r answer
    case $answer in [yY] | [yY][eE][sS]) ;; *) give_up "" ;; esac
fi
$sudo apt-get update -qq
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing
