"""AWS by hand, until Ctrl-C: python -m tests.emulators.aws [PORT]"""

import os
import sys

from .cloud import ACCOUNT, STRICT


def main() -> None:
    port = sys.argv[1] if len(sys.argv) > 1 else "5000"
    signed_in = " ".join(f"{name}={value}" for name, value in ACCOUNT.items())
    print(f"export EZ_AWS_ENDPOINT=http://127.0.0.1:{port} {signed_in}", flush=True)
    command = [sys.executable, "-m", "tests.emulators.aws.server", "127.0.0.1", port]
    os.execve(sys.executable, command, os.environ | STRICT)


if __name__ == "__main__":
    main()
