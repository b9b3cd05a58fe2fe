# Does a cell of a notebook run in this environment, though it may only wait? Asked of the Jupyter servers of the user who
# runs this, ez's and others: each leaves a file that says where it is. Exit code 0: yes. Half a day after a cell last
# said anything it counts no more: it may wait for somebody who has forgotten it.
places=$HOME/.local/share/jupyter/runtime
set -- "$places"/jpserver-*.json
[ -e "$1" ] || exit 1
python=$(command -v python3) || python=$HOME/.local/share/ez/jupyter/venv/bin/python
exec "$python" - "$@" <<'END'
import datetime
import http.client
import json
import socket
import sys

LONGEST = datetime.timedelta(hours=12)


class Line(http.client.HTTPConnection):
    def __init__(self, server):
        super().__init__("localhost", timeout=5)
        self.server = server

    def connect(self):
        path = self.server.get("sock")
        self.sock = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.sock.settimeout(5)
        self.sock.connect(path or ("127.0.0.1", self.server["port"]))


def runs(file):
    with open(file) as text:
        server = json.load(text)
    line = Line(server)
    address = server.get("base_url", "/") + "api/kernels"
    line.request("GET", address, headers={"Authorization": "token " + server.get("token", "")})
    kernels = json.loads(line.getresponse().read(1000000))
    now = datetime.datetime.now(datetime.timezone.utc)
    return any(kernel["execution_state"] == "busy" and now - moment(kernel) < LONGEST for kernel in kernels)


def moment(kernel):
    return datetime.datetime.fromisoformat(kernel["last_activity"].replace("Z", "+00:00"))


for file in sys.argv[1:20]:
    try:
        if runs(file):
            sys.exit(0)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, http.client.HTTPException):
        pass  # Of a server that has gone, or one that wants a password.
sys.exit(1)
END
