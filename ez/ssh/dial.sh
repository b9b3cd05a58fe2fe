# Connect this command's input and output to an engine, where sshd opens no channel to it.
# $1: its address, `unix:///path` or `tcp://host:port`. Both programs do that and nothing else.
command -v docker >/dev/null && exec docker -H "$1" system dial-stdio
exec buildctl --addr "$1" dial-stdio
