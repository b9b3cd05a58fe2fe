"""A real browser without a window, driven through pipes by the DevTools protocol (`--remote-debugging-pipe`)."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

PROGRAM = "chromium"
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-pipe",
    "--window-size=1280,800",
)

_CODES = {"`": "Backquote"}


class Browser:
    """One browser with one page. `profile` is its directory."""

    def __init__(self, profile: Path) -> None:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def take_pipes() -> None:
            """It reads from 3 and writes to 4."""
            reading, writing = os.dup(to_browser), os.dup(from_browser)
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        command = [PROGRAM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        nowhere = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command,
            preexec_fn=take_pipes,
            close_fds=False,
            stdin=nowhere,
            stdout=nowhere,
            stderr=nowhere,
            start_new_session=True,
            env={**os.environ, "HOME": str(profile.parent)},
        )
        os.close(to_browser)
        os.close(from_browser)
        self._number = 0
        self._buffer = b""
        self._session = ""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")
        # Without a window nothing has the focus by itself.
        self._ask("Emulation.setFocusEmulationEnabled", enabled=True)
        self._ask("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        os.close(self._write)
        os.close(self._read)

    def go(self, address: str) -> None:
        self._ask("Page.navigate", url=address)

    def value(self, expression: str) -> Any:
        """What JavaScript gives in the page, true for an element, None for what cannot be had while a page changes."""
        plain = f"(value => value instanceof Node ? true : value)({expression})"
        told = self._ask("Runtime.evaluate", expression=plain, returnByValue=True, awaitPromise=True)
        return told.get("result", {}).get("value")

    def until(self, expression: str, seconds: float = 45) -> Any:
        """Its value as soon as it is one that counts as true."""
        deadline = time.monotonic() + seconds
        while not (value := self.value(expression)):
            text = self.value("document.body && document.body.innerText") or ""
            assert time.monotonic() < deadline, f"not within {seconds} s: {expression}\n{text[:2000]}"
            time.sleep(0.1)
        return value

    def type(self, text: str) -> None:
        """Text into what has the focus; a line end presses Enter."""
        for part in text.splitlines(keepends=True):
            self._ask("Input.insertText", text=part.rstrip("\n"))
            if part.endswith("\n"):
                self.press("Enter", 13, text="\r")

    def press(self, key: str, code: int, *, modifiers: int = 0, text: str = "") -> None:
        """A key; `modifiers` is 2 for Ctrl, 1 for Alt, 8 for Shift."""
        about: dict[str, Any] = {
            "key": key,
            "code": _CODES.get(key, key),
            "windowsVirtualKeyCode": code,
            "modifiers": modifiers,
        }
        self._ask("Input.dispatchKeyEvent", type="keyDown", **about, **({"text": text} if text else {}))
        self._ask("Input.dispatchKeyEvent", type="keyUp", **about)

    def click(self, expression: str) -> None:
        """The middle of the element that JavaScript gives."""
        place = self.until(
            f"(e => e && (r => [r.x + r.width / 2, r.y + r.height / 2])(e.getBoundingClientRect()))({expression})"
        )
        about = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        self._ask("Input.dispatchMouseEvent", type="mousePressed", **about)
        self._ask("Input.dispatchMouseEvent", type="mouseReleased", **about)

    def picture(self, file: Path) -> None:
        data = self._ask("Page.captureScreenshot", format="png")["data"]
        file.write_bytes(base64.b64decode(data))

    def cookies(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("Network.getCookies")["cookies"]
        return found

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = self._send(method, **parameters)
        while True:
            answer = json.loads(self._message())
            if answer.get("id") == number:
                result: dict[str, Any] = answer.get("result", {})
                return result
            if answer.get("method") == "Page.javascriptDialogOpening":
                # A page with changes asks before it is left.
                self._send("Page.handleJavaScriptDialog", accept=True)

    def _send(self, method: str, **parameters: Any) -> int:
        self._number += 1
        question: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            question["sessionId"] = self._session
        os.write(self._write, json.dumps(question).encode() + b"\0")
        return self._number

    def _message(self) -> bytes:
        while b"\0" not in self._buffer:
            data = os.read(self._read, 1 << 20)
            assert data, "the browser ended"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        return message
