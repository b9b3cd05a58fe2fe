# Have the cloud stop this machine, so that nobody pays for its processors any more. What happens is said in one line.
# On Azure it asks with the machine's own identity, which may stop this machine and do nothing else; 0: Azure takes it.
# 3: turning it off is enough here, as on AWS. 1: it failed.
# $1 and $2: where a cloud tells a machine about itself, and where Azure takes orders; both are the usual places if empty.
# $3: `lift` instead takes Azure's own clock away where that would stop this machine soon and may yield to work.
metadata=${1:-http://169.254.169.254}

# asked METHOD URL HEADER: the answer, and on a last line its HTTP status. The header may hold a token, so it is never
# an argument of a program, which anybody here could see.
asked() {
    if command -v curl >/dev/null; then
        [ "$1" = GET ] && body= || body='data = ""'
        printf 'header = "%s"\n%s\n' "$3" "$body" |
            curl --config - --request "$1" --silent --show-error --max-time 30 --write-out '\n%{http_code}\n' "$2" 2>&1
        return
    fi
    printf '%s\n' "$3" | python3 -c '
import sys, urllib.error, urllib.request
name, value = sys.stdin.readline().strip().split(": ", 1)
body = None if sys.argv[1] == "GET" else b""
request = urllib.request.Request(sys.argv[2], body, {name: value}, method=sys.argv[1])
try:
    reply = urllib.request.urlopen(request, timeout=30)
except urllib.error.HTTPError as error:
    reply = error
except OSError as error:
    sys.exit(print(error, "000", sep="\n"))
print(reply.read().decode("utf-8", "replace"), reply.status, sep="\n")
' "$1" "$2"
}

status() { printf '%s\n' "$1" | tail -n 1; }

# value NAME JSON: the first text of that name; those asked for here have no commas in them.
value() { printf '%s\n' "$2" | tr ',{}' '[\n*]' | sed -n "s/^ *\"$1\" *: *\"\([^\"]*\)\".*/\1/p" | head -n 1; }

failed() {
    printf '%s' "$1" | tr '\n' ' ' | tr -cd '[:print:]' | cut -c 1-300
    exit 1
}

# What an answer that refuses says of it: Azure's code, or what the connection did.
why() {
    for name in code error_description error; do
        said=$(value "$name" "$1")
        [ -z "$said" ] || break
    done
    [ -n "$said" ] || said=$(printf '%s\n' "$1" | head -n 1 | cut -c 1-200)
    printf '%s (%s)' "$said" "$(status "$1")"
}

about=$(asked GET "$metadata/metadata/instance/compute?api-version=2021-02-01" 'Metadata: true')
machine=$(value resourceId "$about")
if [ "$(status "$about")" != 200 ] || [ -z "$machine" ]; then
    [ "${3-}" != lift ] || exit 0
    aws=$(asked PUT "$metadata/latest/api/token" 'X-aws-ec2-metadata-token-ttl-seconds: 60')
    [ "$(status "$aws")" = 200 ] || failed "no cloud tells this machine how to stop itself: $(why "$about")"
    echo 'turning it off is enough here'
    exit 3
fi
# Azure's documentation, "Azure Instance Metadata Service", azEnvironment.
case "$(value azEnvironment "$about")" in
    AzureUSGovernmentCloud) manager=https://management.usgovcloudapi.net ;;
    AzureChinaCloud) manager=https://management.chinacloudapi.cn ;;
    *) manager=https://management.azure.com ;;
esac
identity="$metadata/metadata/identity/oauth2/token?api-version=2018-02-01&resource=$manager/"
answer=$(asked GET "$identity" 'Metadata: true')
token=$(value access_token "$answer")
[ -n "$token" ] || failed "this machine has no identity of its own to stop itself with: $(why "$answer")"
if [ "${3-}" = lift ]; then
    schedule="${2:-$manager}${machine%/providers/*}/providers/Microsoft.DevTestLab/schedules/shutdown-computevm-${machine##*/}"
    answer=$(asked GET "$schedule?api-version=2018-09-15" "Authorization: Bearer $token")
    at=$(value time "$answer")
    case "$at" in [0-2][0-9][0-5][0-9]) ;; *) exit 0 ;; esac
    now=$(date -u +%H%M)
    # The ones keep 08 and 09 from being octal.
    minutes=$(((60 * (1${at%??} - 1${now%??}) + 1${at#??} - 1${now#??} + 1440) % 1440))
    [ "$minutes" -le 90 ] && [ "$(value ez:yields "$answer")" = yes ] || exit 0
    answer=$(asked DELETE "$schedule?api-version=2018-09-15" "Authorization: Bearer $token")
    case "$(status "$answer")" in
        200 | 202 | 204) echo "Azure's own clock would have stopped this machine in $minutes minutes; it is gone" ;;
        *) failed "Azure's own clock stops this machine in $minutes minutes: $(why "$answer")" ;;
    esac
    exit 0
fi
answer=$(asked POST "${2:-$manager}$machine/deallocate?api-version=2024-07-01" "Authorization: Bearer $token")
case "$(status "$answer")" in
    200 | 202) echo 'Azure stops this machine' ;;
    403) failed "this machine's identity may not stop it: $(why "$answer")" ;;
    *) failed "Azure does not stop this machine: $(why "$answer")" ;;
esac
