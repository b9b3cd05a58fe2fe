# `conda activate` in interactive shells, and what packages want done there. Everything else has the environment by its
# variables.

set -eu

line='if [ -x /opt/conda/bin/micromamba ]; then eval "$(/opt/conda/bin/micromamba shell hook --shell '
end='; conda() { micromamba "$@"; }; micromamba activate envd; fi # ez'

# The places of Debian, Fedora and Alpine.
for file in /etc/bash.bashrc /etc/bashrc /etc/bash/bashrc; do
    [ ! -e "$file" ] || printf '%sbash)"%s\n' "$line" "$end" >>"$file"
done
for file in /etc/zsh/zshrc /etc/zshrc; do
    [ ! -e "$file" ] || printf '%szsh)"%s\n' "$line" "$end" >>"$file"
done
if [ -d /etc/fish ]; then
    mkdir -p /etc/fish/conf.d
    cat >/etc/fish/conf.d/ez-conda.fish <<'FISH'
if status is-interactive; and test -x /opt/conda/bin/micromamba
    /opt/conda/bin/micromamba shell hook --shell fish | source
    alias conda micromamba
    micromamba activate envd
end
FISH
fi
