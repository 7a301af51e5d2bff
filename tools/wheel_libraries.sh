#!/bin/sh
# Installs libdeflate and the headers of nlohmann/json where cibuildwheel builds: in the containers
# of manylinux (RHEL's packages) and musllinux (Alpine's), and on macOS (Homebrew's).
set -eu
if command -v dnf >/dev/null; then
    dnf install -y -q epel-release
    dnf install -y -q libdeflate-devel json-devel
elif command -v apk >/dev/null; then
    apk add --quiet libdeflate-dev nlohmann-json
elif command -v brew >/dev/null; then
    brew install --quiet libdeflate nlohmann-json
else
    echo "neither dnf nor apk nor brew" >&2
    exit 1
fi
