# SHA-256, in hexadecimal, of the first bytes of files. For each line `COUNT PATH` of stdin one line: the digest, or `-`
# where there is none. PATH has octal escapes, as printf's %b.
# SFTP begins in the home too.
cd || exit
while read -r count path; do
    # The point keeps line ends at the end of a name.
    path=$(printf '%b.' "$path")
    digest=$(head -c "$count" 2>/dev/null <"${path%.}" | sha256sum 2>/dev/null)
    [ -r "${path%.}" ] || digest=-
    printf '%s\n' "${digest%% *}"
done
