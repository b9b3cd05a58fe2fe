# Environments whose work trees ez made for this login user, one a line.
for source in "$HOME"/ez/.ez/.source/*/source; do
    [ ! -f "$source" ] || printf '%s\n' "$(basename "$(dirname "$source")")"
done
