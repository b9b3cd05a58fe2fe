# Install packages of R. $1: where CRAN is, by the build file. $2: upstream's. $3...: packages.
#
# What was downloaded is kept in $EZ_R_CACHE for each release of a distribution and of R.

set -eu

repository=${1:-$(mirror_of cran)}
repository=${repository:-$2}
shift 2
library=/usr/local/lib/R/site-library
if ! command -v Rscript >/dev/null 2>&1; then
    echo "ez: this image has no R; add install.r_lang() to build.envd" >&2
    exit 1
fi
kept=$EZ_R_CACHE/$(. /etc/os-release && echo "$ID-${VERSION_ID:-rolling}")
kept=$kept-$(Rscript -e 'cat(R.version$major, sub("[.].*", "", R.version$minor), sep = ".")')
mkdir -p "$kept" "$library"
if getent group ez >/dev/null; then
    chgrp ez "$library"
    chmod 2775 "$library"
    umask 002
fi
# R itself only warns about a package that it cannot install.
Rscript -e '
words <- commandArgs(TRUE)
packages <- words[-(1:3)]
options(repos = c(CRAN = words[1]))
install.packages(packages, lib = words[2], destdir = words[3], Ncpus = parallel::detectCores())
missing <- setdiff(packages, rownames(installed.packages(lib.loc = c(words[2], .libPaths()))))
if (length(missing)) {
    message("ez: R could not install ", paste(missing, collapse = ", "))
    quit(status = 1)
}
' "$repository" "$library" "$kept" "$@"
