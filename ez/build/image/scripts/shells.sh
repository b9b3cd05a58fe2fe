# set_up_shells: the prompt and the few settings that bash, zsh and fish begin with. A person's own files, which their
# tools write later, win; starship gives the prompt where it is installed.

set_up_shells() {
    mkdir -p /usr/local/lib/ez /etc/fish/conf.d
    write_prompt >/usr/local/lib/ez/prompt
    write_fish >/etc/fish/conf.d/ez.fish
    chmod 0644 /usr/local/lib/ez/prompt /etc/fish/conf.d/ez.fish
    for file in .bashrc .zshrc; do
        if ! grep -qsF /usr/local/lib/ez/prompt "$home/$file"; then
            echo '[ ! -r /usr/local/lib/ez/prompt ] || . /usr/local/lib/ez/prompt' >>"$home/$file"
            chown "$user:$user" "$home/$file"
        fi
    done
    # As the skeletons of Debian and Fedora have it: bash reads its file at a login too.
    if [ ! -e "$home/.profile" ] && [ ! -e "$home/.bash_profile" ]; then
        echo '[ -z "${BASH_VERSION:-}" ] || . ~/.bashrc' >"$home/.profile"
        chown "$user:$user" "$home/.profile"
    fi
}

# For bash and zsh. A login to work begins in the repo; zsh does not read what tells bash so.
write_prompt() {
    cat <<'PROMPT'
case $- in *i*) ;; *) return 0 ;; esac
__ez_branch() {
    local branch
    branch=$(git symbolic-ref --short -q HEAD 2>/dev/null) || return 0
    [ -z "${ZSH_VERSION:-}" ] || branch=${branch//\%/%%}
    printf ' %s' "$branch"
}
if [ -n "${ZSH_VERSION:-}" ]; then
    [ "$PWD" != "$HOME" ] || [ ! -d "${ENVD_WORKDIR:-}" ] || cd "$ENVD_WORKDIR"
    bindkey -e
    HISTFILE=~/.zsh_history HISTSIZE=10000 SAVEHIST=10000
    setopt append_history hist_ignore_dups prompt_subst
    autoload -Uz compinit && compinit -u
    if command -v starship >/dev/null; then
        eval "$(starship init zsh)"
    else
        PROMPT='%F{green}(${ENVD_WORKDIR##*/})%f %F{blue}%~%f%F{yellow}$(__ez_branch)%f %(!.#.$) '
    fi
elif command -v starship >/dev/null; then
    eval "$(starship init bash)"
else
    PS1='\[\e[32m\](${ENVD_WORKDIR##*/})\[\e[0m\] \[\e[34m\]\w\[\e[33m\]$(__ez_branch)\[\e[0m\] \$ '
fi
PROMPT
}

write_fish() {
    cat <<'FISH'
status is-interactive; or exit
set -g fish_greeting
if test "$PWD" = "$HOME"; and test -d "$ENVD_WORKDIR"
    cd $ENVD_WORKDIR
end
if command -q starship
    starship init fish | source
else
    function fish_prompt
        set -l branch (git symbolic-ref --short -q HEAD 2>/dev/null)
        set_color green; echo -n "("(basename "$ENVD_WORKDIR")") "
        set_color blue; echo -n (prompt_pwd)
        set_color yellow; test -n "$branch"; and echo -n " $branch"
        set_color normal; echo -n ' $ '
    end
end
FISH
}
