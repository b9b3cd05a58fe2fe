#!/bin/sh
# Docker's credential helper: the logins of registries stay at home, and are asked for there.

case ${1-} in
    get) exec /usr/local/lib/ez/ask registry get ;;
    list) echo '{}' ;;
    *)
        echo "ez: no login is kept in an environment; log in at home, then: ez env allow registry NAME" >&2
        exit 1
        ;;
esac
