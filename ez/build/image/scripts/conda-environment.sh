# micromamba, which answers to `conda` and `mamba` too, and the environment. $1: the version of Python, or nothing.

mkdir -p "$root/bin" "$root/envs"
cp -- "$archive" "$root/bin/micromamba"
chmod 0755 "$root/bin/micromamba"
touch -d @315532800 "$root/bin/micromamba"
ln -sf micromamba "$root/bin/conda"
ln -sf micromamba "$root/bin/mamba"
[ -e "$root/.condarc" ] || printf 'channels:\n  - conda-forge\n' >"$root/.condarc"
if [ -n "$1" ]; then
    have_environment "python=$1" pip
fi
share "$root"
