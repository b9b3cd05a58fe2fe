"""scripts/testbed: `up`, `down`, `status`."""

import argparse
import json
import sys
import time

from .shell import TestbedError
from .testbed import Status, Testbed, status


def main() -> int:
    arguments = _parse()
    try:
        if arguments.verb == "up":
            return _up()
        if arguments.verb == "down":
            Testbed.down(purge=arguments.purge)
            return 0
        return _show(status(), as_json=arguments.json)
    except TestbedError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/testbed", description="Real machines to test ez on.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="make what is missing")
    down = verbs.add_parser("down", help="remove all of it")
    down.add_argument("--purge", action="store_true", help="also what is kept for the next `up`")
    show = verbs.add_parser("status", help="what is there; exit code 1 when it is not up")
    show.add_argument("--json", action="store_true")
    return parser.parse_args()


def _up() -> int:
    begun = time.monotonic()
    testbed = Testbed.up()
    print(f"up after {time.monotonic() - begun:.1f} s", file=sys.stderr)
    print(f"registry    {testbed.registry.address} ({testbed.registry.host_address} on this machine)")
    print(f"git server  {testbed.git_server.url('NAME')}")
    return 0


def _show(found: Status, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(found.as_json(), indent=2))
    else:
        print("up" if found.up else "not up")
        print(f"engine      {found.engine or 'none'}{' (started by the testbed)' if found.engine_started_here else ''}")
        print(f"registry    {found.registry or 'none'}")
        print(f"git server  {found.git_server or 'none'}")
        for computer in found.computers:
            print(f"computer    {computer['name']}  {computer['variant']}  {computer['host']}:{computer['port']}")
    return 0 if found.up else 1


if __name__ == "__main__":
    sys.exit(main())
