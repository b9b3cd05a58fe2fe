# The names of an environment's services that have written a log, one a line. $1 environment.
for file in "$HOME/ez/.ez/$1/log"/*.log; do [ -f "$file" ] && basename "$file" .log; done
true
