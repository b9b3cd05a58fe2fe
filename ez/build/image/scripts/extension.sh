# Fetch an extension from Open VSX or its mirror, check it, and unpack it below $1. $2: publisher. $3: name.
# $4: version, or nothing for the newest. The machine's platform is preferred to the one for all platforms.

place=$1
publisher=$2
name=$3
version=$4
upstream=https://open-vsx.org
registry=$(mirror_of open_vsx)
registry=${registry:-$upstream}
registry=${registry%/}

main() {
    work_below /tmp/ez
    described=$work/described.json
    if ! (get "api/$publisher/$name/$(platform)/${version:-latest}" "$described") >/dev/null 2>&1 &&
        ! (get "api/$publisher/$name/${version:-latest}" "$described"); then
        echo "ez: $(shown "$registry") has no extension $publisher.$name${version:+ of the version $version}" >&2
        exit 1
    fi
    found=$(member .version)
    case $found in
        '' | *[!A-Za-z0-9.+_-]*)
            echo "ez: $(shown "$registry") tells no version of $publisher.$name" >&2
            exit 1
            ;;
    esac
    file=$(below_registry .files.download)
    get "$file" "$work/it.vsix"
    check
    unzip -q "$work/it.vsix" 'extension/*' -d "$work/it"
    mkdir -p "$place"
    mv "$work/it/extension" "$place/$publisher.$name-$found"
    chmod -R u=rwX,go=rX "$place"
    rm -rf /tmp/ez
}

platform() {
    case $(uname -m) in
        x86_64) echo linux-x64 ;;
        aarch64) echo linux-arm64 ;;
        armv7l) echo linux-armhf ;;
        *) echo universal ;;
    esac
}

get() {
    fetch "$registry/$1" "$2" open_vsx
}

# What the registry says of $1, one line of it.
member() {
    jq -r "$1 // empty | strings" <"$described" | head -n 1
}

# An address that the registry tells, below its own; a mirror may pass on those of Open VSX.
below_registry() {
    told=$(member "$1")
    case $told in
        "$registry"/*) printf '%s' "${told#"$registry"/}" ;;
        "$upstream"/*) printf '%s' "${told#"$upstream"/}" ;;
        *)
            echo "ez: $(shown "$registry") tells no file of $publisher.$name below its own address" >&2
            return 1
            ;;
    esac
}

check() {
    sums=$(below_registry .files.sha256)
    get "$sums" "$work/sum"
    wanted=$(cut -c 1-64 <"$work/sum")
    if [ "$(sha256sum "$work/it.vsix" | cut -c 1-64)" != "$wanted" ]; then
        echo "ez: bad checksum of $publisher.$name $found: $(shown "$registry") publishes $wanted" >&2
        exit 1
    fi
}

main
