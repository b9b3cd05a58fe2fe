# SHA-256 of the first $2 bytes of the file $1, in hexadecimal.
cd / && head -c "$2" <"$1" | sha256sum | cut -d ' ' -f 1
