# note that both sides are equal: NAME PATH META SUB MODULE BORROWED KEY SERIAL SOURCE
enter "$1" "$2" "$3" "$4" "$5" "$6"
[ -n "$real" ] || fail gone
conclude "$7" "$8" "$9"
say done yes
