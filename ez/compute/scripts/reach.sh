# Which addresses can be reached from this machine, with its own certificates. Arguments: URLs.
# Prints `ANSWER URL` for each: reached, untrusted (its certificate), unreachable, or unknown without a tool to ask with.
export LC_ALL=C
ez_ask() {
    if command -v curl >/dev/null; then
        curl --silent --output /dev/null --max-time 5 "$1" 2>/dev/null
        case $? in
        0) echo reached ;;
        35 | 51 | 58 | 60 | 77) echo untrusted ;;
        *) echo unreachable ;;
        esac
    elif command -v wget >/dev/null; then
        wget --quiet --tries 1 --timeout 5 --output-document /dev/null "$1" 2>/dev/null
        case $? in
        # 6 and 8 are answers that refuse (a registry wants a login), 5 is a certificate that is not trusted.
        0 | 6 | 8) echo reached ;;
        5) echo untrusted ;;
        *) echo unreachable ;;
        esac
    elif [ -x /usr/lib/apt/apt-helper ]; then
        ez_draft=$(mktemp -d) || return
        ez_said=$(timeout 8 /usr/lib/apt/apt-helper -o Acquire::Retries=0 -o Acquire::http::Timeout=5 \
            -o Acquire::https::Timeout=5 download-file "$1" "$ez_draft/answer" 2>&1)
        ez_status=$?
        rm -rf "$ez_draft"
        case "$ez_status $ez_said" in
        '0 '* | *' 40'[0-9]' '* | *'HTTP status 40'* | *'HttpError40'*) echo reached ;;
        *ertificate*) echo untrusted ;;
        *) echo unreachable ;;
        esac
    else
        echo unknown
    fi
}
for ez_url in "$@"; do
    { printf '%s %s\n' "$(ez_ask "$ez_url")" "$ez_url"; } &
done
wait
