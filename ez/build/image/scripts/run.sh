# Run the lines $1, one after another until one fails: with bash, or in an image that has none with its plain shell.

if command -v bash >/dev/null 2>&1; then
    exec bash -c "set -euo pipefail
$1"
fi
exec /bin/sh -c "set -eu
$1"
