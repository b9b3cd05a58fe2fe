# `conda activate` in interactive shells, and what packages want done there. Everything else has the environment by its
# variables.

set -eu

line='if [ -x /opt/conda/bin/micromamba ]; then eval "$(/opt/conda/bin/micromamba shell hook --shell '
end='; conda() { micromamba "$@"; }; micromamba activate envd; fi # ez'

[ ! -e /etc/bash.bashrc ] || printf '%sbash)"%s\n' "$line" "$end" >>/etc/bash.bashrc
[ ! -e /etc/zsh/zshrc ] || printf '%szsh)"%s\n' "$line" "$end" >>/etc/zsh/zshrc
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
