"""scripts/cloud: the emulator as a process of its own, until Ctrl-C."""

import argparse
import errno
import shutil
import signal
import sys
from pathlib import Path

from tests.testbed import Testbed, TestbedError

from .computers import Computers
from .emulator import Emulator


def main() -> int:
    arguments = _parse()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if arguments.computers:
        print("making ready what its machines are made of: minutes the first time", file=sys.stderr, flush=True)
    try:
        computers = Computers(Testbed.up(), arguments.variant, cards=True) if arguments.computers else None
    except TestbedError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    emulator = Emulator(
        virtual=False,
        pace=arguments.pace,
        tls=True,
        computers=computers,
        port=arguments.port,
        tls_port=arguments.tls_port,
    )
    emulator.program("rehearsal", "rehearsal")
    try:
        with emulator:
            _tell(emulator, arguments.authority)
            signal.pause()
    except OSError as exc:
        if exc.errno != errno.EADDRINUSE:
            raise
        ports = f"{arguments.port} or {arguments.tls_port}"
        print(f"error: the port is in use: {ports}\n\nhint: choose others with --port and --tls-port", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"the bill: {emulator.bill():.4f} US dollars; left behind: {emulator.count()} resources", file=sys.stderr)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/cloud", description="An Azure of your own, to rehearse on.")
    parser.add_argument("--port", type=int, default=4577, help="of the API (4577)")
    parser.add_argument("--tls-port", type=int, default=4578, help="of the same with TLS and its sign-in (4578)")
    parser.add_argument(
        "--pace", type=float, default=0.1, help="how long things take, of what they take on Azure (0.1)"
    )
    parser.add_argument("--computers", action="store_true", help="machines are computers of the testbed (needs root)")
    parser.add_argument(
        "--variant", default="cloud", help="which ones (cloud; cloud-ready has an engine); of sizes with cards: gpu"
    )
    parser.add_argument("--authority", type=Path, help="where to put the certificate to trust")
    return parser.parse_args()


def _tell(emulator: Emulator, authority: Path | None) -> None:
    trusted = emulator.authority
    if authority is not None:
        trusted = Path(shutil.copy(trusted, authority))
    print(f"export EZ_AZURE_ENDPOINT={emulator.url}", flush=True)
    print(f"with TLS    {emulator.https_url}, authority {trusted}", file=sys.stderr)
    print(f"sign-in     tenant {emulator.tenant}, client rehearsal, secret rehearsal", file=sys.stderr)
    print(f"its state   curl {emulator.url}/emulator/state", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
