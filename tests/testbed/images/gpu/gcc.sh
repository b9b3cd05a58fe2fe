#!/bin/sh
# In the place of gcc: tcc, which takes the same options, but for `-x c`.
for argument in "$@"; do
    shift
    case "$argument" in -x | c) ;; *) set -- "$@" "$argument" ;; esac
done
exec tcc "$@"
