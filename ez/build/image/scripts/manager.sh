# manager: the image's package manager, empty if ez knows none. manager_install NAME...: packages by that one's names.
# need COMMAND...: which of these commands are missing.

manager=
for candidate in apt-get dnf microdnf yum apk; do
    if command -v "$candidate" >/dev/null 2>&1; then
        manager=$candidate
        break
    fi
done

manager_install() {
    case $manager in
        apt-get) apt_install "$@" ;;
        dnf | microdnf | yum) manager_with_rpm "$@" ;;
        apk) apk add --no-cache -- "$@" ;;
        *) return 1 ;;
    esac
}

# Lists and packages that were downloaded would only make the image larger.
manager_with_rpm() {
    case $manager in
        microdnf) set -- --nodocs "$@" ;;
        *) set -- --setopt=install_weak_deps=False --setopt=tsflags=nodocs "$@" ;;
    esac
    "$manager" -y install "$@" || return 1
    "$manager" clean all >/dev/null
}

# Packages that a build file names as Debian's. Most have the same name everywhere; what has not is said.
manager_install_named() {
    if [ "$manager" != apt-get ]; then
        # shellcheck disable=SC2046 # words
        set -- $(printf '%s\n' "$@" | manager_names)
    fi
    manager_install "$@" && return
    distribution=$(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-${ID:-}}")
    case $manager in
        apt-get) ;;
        '') echo "ez: this base image has no package manager that ez knows; use one with apt, dnf or apk" >&2 ;;
        *)
            echo "ez: $manager cannot install this on ${distribution:-this base image}: $*" >&2
            echo "ez: packages have the names of the distribution; see \`$manager search\`" >&2
            ;;
    esac
    return 1
}

# What ez itself asks for by Debian's names, by those of the image.
manager_names() {
    case $manager in
        apk) sed 's/^libatomic1$/libatomic/; s/^libc6-dev$/musl-dev/' ;;
        *) sed 's/^libatomic1$/libatomic/; s/^libc6-dev$/glibc-devel/' ;;
    esac
}

need() {
    missing=
    for name in "$@"; do
        command -v "$name" >/dev/null 2>&1 || [ -x "/usr/sbin/$name" ] || missing="$missing $name"
    done
    printf '%s' "${missing# }"
}
