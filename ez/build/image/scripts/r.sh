# R of the distribution, unless the image has one. $1: `compile` to have what R compiles packages with.

if ! command -v Rscript >/dev/null 2>&1; then
    [ -z "$1" ] || set -- r-base-dev
    apt_install r-base ${1:+"$1"}
else
    echo "ez: R of the image: $(command -v Rscript)"
fi
