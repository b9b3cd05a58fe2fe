#!/bin/sh
# Git's `gpg.program`: signatures are made at home, by an agent that holds the key; everything else is done here.

library=/usr/local/lib/ez
case ${1-} in
    --status-fd=2)
        case ${2-} in
            -bsau) [ $# -ne 3 ] || exec "$library/ask" gpg "$@" ;;
        esac
        ;;
esac
exec gpg "$@"
