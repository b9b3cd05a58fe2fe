# Add to the environment of conda what `micromamba install "$@"` says.

set -eu

work_below "$EZ_DOWNLOADS"
touch "$work/before"
have_environment
mamba install -y -p "$prefix" "$@"
share_new "$work/before"
