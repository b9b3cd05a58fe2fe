# install_programs NAME...: those of the archive, or the archive itself where it is a program, to /usr/bin.

install_programs() {
    for name in "$@"; do
        install_program "$(program_of "$name")" "/usr/bin/$name"
    done
}

# Dated as all that ez makes, so that the same program makes the same image.
install_program() {
    cp -- "$1" "$2"
    chmod 0755 "$2"
    touch -d @315532800 "$2"
}

program_of() {
    if [ ! -d "$work/programs" ]; then
        mkdir "$work/programs"
        case $path in
            *.tar.gz) tar -xzf "$archive" -C "$work/programs" --no-same-owner ;;
            *) cp -- "$archive" "$work/programs/$1" ;;
        esac
    fi
    found=$(find "$work/programs" -type f \( -name "$1" -o -name "$1-*-linux-*" \) | LC_ALL=C sort | head -n 1)
    if [ -z "$found" ]; then
        echo "ez: there is no program $1 in ${path##*/}" >&2
        exit 1
    fi
    printf '%s' "$found"
}
