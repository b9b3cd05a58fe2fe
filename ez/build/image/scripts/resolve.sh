# The packages that `pip install "$@"` would add to this image, with their hashes, as JSON in /ez-lock.json.
# Nothing is installed. What is there already is not among them. An index that does not answer, or lets nobody in, is an
# error: pip leaves it out, and would take what another one has by the same name.

set -eu
log=/dev/shm/ez-pip.log

if [ -x /opt/conda/envs/envd/bin/python ]; then
    python=/opt/conda/envs/envd/bin/python
elif [ -x /opt/venv/bin/python ]; then
    python=/opt/venv/bin/python
elif command -v python >/dev/null 2>&1; then
    python=python
else
    python=python3
fi
if ! "$python" -m pip --version >/dev/null 2>&1; then
    echo "ez: this image has no Python with pip; add install.python() to build.envd" >&2
    exit 1
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_BREAK_SYSTEM_PACKAGES=1 PIP_NO_INPUT=1
# pip reports what it would do from 22.2 on.
if ! "$python" -m pip install --help | grep -q -e --report; then
    newer=$(mktemp -d)
    "$python" -m pip install -q --target "$newer" "pip>=23"
    export PYTHONPATH="$newer"
fi
status=0
"$python" -m pip install --dry-run --quiet --log "$log" --report /ez-report.json "$@" || status=$?
if left_out=$(sed -n 's/.*Could not fetch URL //p' "$log" | grep -v ': 404 Client Error'); then
    printf 'ez: an index gives no answer: %s\n' "$left_out" >&2
    exit 1
fi
[ "$status" -eq 0 ] || exit "$status"
"$python" - <<'PROGRAM'
import json
import sys

with open("/ez-report.json", encoding="utf-8") as file:
    report = json.load(file)
found = []
for one in report["install"]:
    info = one["download_info"]
    archive = info.get("archive_info") or {}
    hashes = dict(archive.get("hashes") or {})
    if not hashes and archive.get("hash"):
        name, _, value = archive["hash"].partition("=")
        hashes = {name: value}
    found.append(
        {
            "name": one["metadata"]["name"],
            "version": one["metadata"]["version"],
            "url": info["url"] if one["is_direct"] else "",
            "sha256": hashes.get("sha256", ""),
        }
    )
with open("/ez-lock.json", "w", encoding="utf-8") as file:
    json.dump({"version": "%d.%d" % sys.version_info[:2], "packages": found}, file)
PROGRAM
