# Add the authorities of settings/ca-bundle that this machine does not trust yet, one file each.
command -v update-ca-certificates >/dev/null || install_packages ca-certificates || exit 1
mkdir -p /usr/local/share/ca-certificates
rm -f "$EZ_RUN"/authority-*.crt
[ -s /etc/ssl/certs/ca-certificates.crt ] || update-ca-certificates >/dev/null 2>&1
awk -v folder="$EZ_RUN" '
    FNR == 1 { files++ }
    /-----BEGIN CERTIFICATE-----/ { body = ""; text = ""; inside = 1 }
    inside { text = text $0 "\n"; if ($0 !~ /-----/) body = body $0 }
    /-----END CERTIFICATE-----/ {
        inside = 0
        if (files == 1) known[body] = 1
        else if (!(body in known)) {
            known[body] = 1
            printf "%s", text >(folder "/authority-" ++count ".crt")
        }
    }
' /etc/ssl/certs/ca-certificates.crt "$settings/ca-bundle" || exit 1
for file in "$EZ_RUN"/authority-*.crt; do
    [ -e "$file" ] || exit 0
    name=$(sha256sum "$file" | cut -c 1-16)
    install -m 644 "$file" "/usr/local/share/ca-certificates/ez-$name.crt" || exit 1
done
update-ca-certificates
