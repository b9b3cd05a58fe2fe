# Show what an environment's services printed. $1 environment, $2 service or empty for the container itself,
# $3 number of lines, $4 `follow` or empty. A service is named as its file in ez's log directory.
set -u
logs=$HOME/ez/.ez/$1/log
if [ -z "$2" ]; then
    exec docker logs --tail "$3" ${4:+--follow} "ez-$1" 2>&1
fi
if [ ! -f "$logs/$2.log" ]; then
    echo "ez-no-service" >&2
    for file in "$logs"/*.log; do [ -f "$file" ] && basename "$file" .log >&2; done
    exit 1
fi
if [ -n "$4" ]; then exec tail -n "$3" -F "$logs/$2.log"; fi
exec tail -n "$3" "$logs/$2.log"
