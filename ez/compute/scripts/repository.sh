# Add a package repository. $1: its name, $2: its address, $3: suites (`/` for a flat one), $4: components, $5: its key,
# an address or a file that is there, or several separated by `|` of which one fits, $6: the keys' fingerprints likewise,
# or empty.
name=$1
address=${2%/}
suites=$3
components=$4
keys=$5
fingerprints=${6:-}
sources=/etc/apt/sources.list.d/ez-$name.sources

# take_key KEY: where it is then. Fails for one that cannot be had, ends this step for a wrong one.
take_key() {
    keyring=$1
    [ ! -r "$1" ] || return 0
    fetch "$1" "$EZ_RUN/key" 60 || return 1
    keyring=/etc/apt/keyrings/ez-$name.gpg
    cp "$EZ_RUN/key" "$EZ_RUN/key.gpg"
    if grep -q 'BEGIN PGP PUBLIC KEY BLOCK' "$EZ_RUN/key"; then
        keyring=/etc/apt/keyrings/ez-$name.asc
        tr -d '\r' <"$EZ_RUN/key" | sed '1,/^[[:space:]]*$/d; /^=/,$d; /^-----/,$d' | base64 -d >"$EZ_RUN/key.gpg" 2>/dev/null
    fi
    found=$(key_fingerprint "$EZ_RUN/key.gpg") || return 1
    case "|$fingerprints|" in
    '||' | *"|$found|"*) ;;
    *) fail "the key at $1 is not the known one: $found" 'cat /etc/apt/sources.list.d/*' ;;
    esac
    mkdir -p /etc/apt/keyrings && install -m 644 "$EZ_RUN/key" "$keyring"
}

# Two lists of one address with different keys stop all of apt; those that old guides make have keys that are gone.
set_others_aside() {
    for file in /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        [ -e "$file" ] && [ "$file" != "$sources" ] || continue
        if is_outdated "${file##*/}" || { [ "$keys" = "${keys#/}" ] && grep -q -F -e "$address" "$file"; }; then
            mv "$file" "$file.before-ez"
            note "set aside: $file is $file.before-ez now"
        fi
    done
}

is_outdated() {
    case "$name $1" in
    *toolkit*' 'nvidia-docker.list | *toolkit*' 'libnvidia-container.list) ;;
    *toolkit*' 'nvidia-container-runtime.list | *toolkit*' 'nvidia-container-toolkit.list) ;;
    *) return 1 ;;
    esac
}

write_sources() {
    {
        printf 'Types: deb\nURIs: %s/\nSuites: %s\n' "$address" "$suites"
        [ -z "$components" ] || printf 'Components: %s\n' "$components"
        printf 'Signed-By: %s\n' "$keyring"
    } >"$EZ_RUN/sources"
    install -m 644 "$EZ_RUN/sources" "$sources" || exit 1
    if [ -d "$settings/sources.d" ]; then cp "$sources" "$settings/sources.d/"; fi
}

# try_key KEY: whether the lists can be fetched with it.
try_key() {
    take_key "$1" || return 1
    write_sources
    apt_get update -o "Dir::Etc::sourcelist=$sources" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 &&
        ! said 'Failed to fetch\|NO_PUBKEY\|is not signed\|invalid: '
}

set_others_aside
rest="$keys|"
while [ -n "$rest" ]; do
    if try_key "${rest%%|*}"; then
        rm -f "$EZ_RUN/updated"
        exit 0
    fi
    rest=${rest#*|}
done
rm -f "$sources" "$settings/sources.d/ez-$name.sources"
fail "its packages cannot be fetched: $address" "/usr/lib/apt/apt-helper download-file ${keys%%|*} /tmp/ez-key"
