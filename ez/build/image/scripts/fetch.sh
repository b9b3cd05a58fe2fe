# Downloads of a step, by what the image has for it.
#
# mirror_of NAME: the address that the settings mirrors.NAME has, or nothing. fetch: an address to a file. share: give a
# directory to the group ez. work_below DIRECTORY: $work, a directory that is gone when the step ends.

set -eu

mirrors=/dev/shm/ez/mirrors

mirror_of() {
    [ ! -e "$mirrors" ] || sed -n "s|^$1 ||p" "$mirrors"
}

# $1 without the name and the password of whoever may read there.
shown() {
    printf '%s' "$1" | sed 's|//[^/@]*@|//|'
}

work_below() {
    mkdir -p "$1"
    work=$(mktemp -d "$1/new.XXXXXX")
    trap 'rm -rf "$work" "${apt_settings:-$work}"' EXIT
}

# $1: an address. $2: a file. $3: the name of the setting for a mirror of it.
fetch() {
    echo "ez: downloading $(shown "$1")"
    status=0
    if command -v curl >/dev/null 2>&1; then
        trust "$1"
        curl -fsSL --retry 2 --connect-timeout 20 -o "$2" -- "$1" || status=$?
    elif command -v wget >/dev/null 2>&1; then
        trust "$1"
        # That of BusyBox has the image's own authorities and no word for others.
        wget --version >/dev/null 2>&1 || authorities=
        wget -q --tries=3 ${authorities:+"--ca-certificate=$authorities"} -O "$2" -- "$1" || status=$?
    elif [ -x /usr/lib/apt/apt-helper ]; then
        trust "$1"
        fetch_with_apt "$1" "$2" || status=$?
    else
        echo "ez: this image has neither curl nor wget nor apt; install curl with \`run\` into its base image" >&2
        exit 1
    fi
    if [ "$status" -ne 0 ]; then
        echo "ez: cannot download $(shown "$1"); set mirrors.$3 if this network has it elsewhere" >&2
        exit 1
    fi
}

# apt's own way to download, which is in every image of Debian and Ubuntu.
fetch_with_apt() {
    printf 'APT::Sandbox::User "root";\n' >"$work/apt.conf"
    [ -z "$authorities" ] || printf 'Acquire::https::CAInfo "%s";\n' "$authorities" >>"$work/apt.conf"
    /usr/lib/apt/apt-helper -c "$work/apt.conf" download-file "$1" "$2" >/dev/null
}

# $authorities for the address $1: those of the settings or of the image, in the places of Debian and Alpine, Fedora and
# others, or else Debian's, gone again after the step.
trust() {
    authorities=
    case $1 in
        http://*) return ;;
    esac
    for authorities in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \
        /etc/ssl/cert.pem; do
        [ ! -s "$authorities" ] || return 0
    done
    authorities=
    command -v apt-get >/dev/null 2>&1 || return 0
    authorities=$work/authorities.pem
    [ -s "$authorities" ] || unpack_authorities
    export SSL_CERT_FILE="$authorities" CURL_CA_BUNDLE="$authorities" REQUESTS_CA_BUNDLE="$authorities"
}

unpack_authorities() {
    apt_update
    mkdir "$work/package"
    (cd "$work/package" && apt-get -c "$apt_settings" -q download ca-certificates >/dev/null)
    dpkg-deb -x "$work/package"/*.deb "$work/package/files"
    cat "$work/package/files/usr/share/ca-certificates/mozilla"/*.crt >"$authorities"
}

# $1: a directory, all of it new. The group ez shares it, so that the container's user needs no sudo to add to it.
share() {
    getent group ez >/dev/null || return 0
    chgrp -R ez "$1"
    find "$1" -type d -exec chmod g+rws {} +
    find "$1" -type f ! -perm -g+w -exec chmod g+rw {} +
}
