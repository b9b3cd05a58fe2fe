# The environment `envd` of conda, by micromamba. mamba: run it. have_environment PACKAGE...: make it, unless it is there.
#
# Its packages are downloaded to a cache mount ($CONDA_PKGS_DIRS), never to the image.

root=/opt/conda
prefix=$root/envs/envd

mamba() {
    channels=$(mirror_of conda)
    [ -z "$channels" ] || export MAMBA_CHANNEL_ALIAS="$channels"
    trust "${channels:-https://conda.anaconda.org}"
    [ ! -s "$authorities" ] || export REQUESTS_CA_BUNDLE="$authorities"
    # Files for the group ez: see `layers.access`.
    if getent group ez >/dev/null; then
        umask 002
    fi
    HOME="$work" MAMBA_ROOT_PREFIX="$root" MAMBA_NO_BANNER=1 "$root/bin/micromamba" "$@"
    # It tells to the second when it was asked for what.
    [ ! -e "$prefix/conda-meta/history" ] ||
        sed -i 's/^==> [-0-9]* [:0-9]* <==$/==> 1980-01-01 00:00:00 <==/' "$prefix/conda-meta/history"
}

have_environment() {
    [ -d "$prefix/conda-meta" ] || mamba create -y -p "$prefix" "$@"
}

# What came since the file $1, for the group ez; nothing else is touched, or it would be in this layer once more.
share_new() {
    getent group ez >/dev/null || return 0
    find "$root" -cnewer "$1" ! -type l ! -group ez -exec chgrp ez {} +
    find "$root" -cnewer "$1" -type d -exec chmod g+rws {} +
    find "$root" -cnewer "$1" -type f ! -perm -g+w -exec chmod g+rw {} +
}
