# Does a cell of a notebook run in this environment, though it may only wait? Asked of the Jupyter Lab that ez started
# (web/scripts/jupyter.sh), whose user runs this. Exit code 0: yes. Half a day after a cell last said anything it counts
# no more: it may wait for somebody who has forgotten it.
place=$HOME/.local/share/ez/jupyter
[ -S "$place/socket" ] && pid=$(cat "$place/pid") && python=$(readlink "/proc/$pid/exe") || exit 1
exec "$python" - "$place" <<'END'
import datetime
import http.client
import json
import socket
import sys

LONGEST = datetime.timedelta(hours=12)
place = sys.argv[1]


class Inside(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(place + "/socket")


line = Inside("localhost")
with open(place + "/token") as file:
    line.request("GET", "/api/kernels", headers={"Authorization": "token " + file.read()})
now = datetime.datetime.now(datetime.timezone.utc)
for kernel in json.loads(line.getresponse().read(1000000)):
    last = datetime.datetime.fromisoformat(kernel["last_activity"].replace("Z", "+00:00"))
    if kernel["execution_state"] == "busy" and now - last < LONGEST:
        sys.exit(0)
sys.exit(1)
END
