"""browser.py - opens a page in headless Chromium and says what is in it.

    python3 browser.py PAGE SCREENSHOT EXPRESSION...

Prints one JSON object: `values` of the JavaScript expressions, one after the other, once the page
has set document.body.dataset.ready or ten seconds have passed; `errors` of scripts; `requests` for
anything but the page. Talks to the browser by the DevTools protocol, over a WebSocket on loopback.
"""

import asyncio
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import websockets

DEADLINE = 60  # seconds for all of it
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--window-size=1280,2000", "--remote-debugging-port=0",
]


class Page:
    """The page under test: commands to it, and what it reports."""

    def __init__(self, socket):
        self.socket = socket
        self.number = 0
        self.errors, self.requests = [], []

    def note(self, event):
        """Keeps what went wrong."""
        kind, params = event.get("method"), event.get("params", {})
        if kind == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif kind == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        elif kind == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    async def call(self, method, **params):
        """One command; returns its result."""
        self.number += 1
        await self.socket.send(json.dumps(
            {"id": self.number, "method": method, "params": params}))
        while True:
            message = json.loads(await self.socket.recv())
            if message.get("id") == self.number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self.note(message)

    async def value(self, expression):
        """What a JavaScript expression gives; promises are waited for."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                                 awaitPromise=True)
        if "exceptionDetails" in answer:
            return {"exception": answer["result"].get("description", "")}
        return answer["result"].get("value")


async def wait_for(what, seconds):
    """Asks until the answer is true or the time is over."""
    for _ in range(int(seconds * 20)):
        if await what():
            return True
        await asyncio.sleep(0.05)
    return False


async def find_page(port):
    """The address of the first page's socket."""
    import urllib.request
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
        pages = [each for each in json.load(answer) if each["type"] == "page"]
    return pages[0]["webSocketDebuggerUrl"]


async def look(port, path, screenshot, expressions):
    """Opens the page and collects everything."""
    async with websockets.connect(await find_page(port), max_size=None) as socket:
        page = Page(socket)
        for domain in ("Runtime", "Log", "Network", "Page"):
            await page.call(f"{domain}.enable")
        address = path.resolve().as_uri()
        await page.call("Page.navigate", url=address)

        async def ready():
            return await page.value("!!document.body && document.body.dataset.ready === 'yes'")

        await wait_for(ready, 10)
        values = [await page.value(expression) for expression in expressions]
        if screenshot != "-":
            shot = await page.call("Page.captureScreenshot", captureBeyondViewport=True)
            pathlib.Path(screenshot).write_bytes(base64.b64decode(shot["data"]))
        others = [url for url in page.requests
                  if url.split("#")[0] != address and not url.startswith("data:")]
        return {"values": values, "errors": page.errors, "requests": others}


async def main(path, screenshot, *expressions):
    """Runs a browser of its own and ends it."""
    with tempfile.TemporaryDirectory() as folder:
        browser = subprocess.Popen(
            ["chromium", *FLAGS, f"--user-data-dir={folder}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port_file = os.path.join(folder, "DevToolsActivePort")

            async def listens():
                return os.path.exists(port_file) and "\n" in open(port_file).read()

            if not await wait_for(listens, 30):
                raise RuntimeError("the browser does not listen")
            port = int(open(port_file).readline())
            print(json.dumps(await asyncio.wait_for(
                look(port, pathlib.Path(path), screenshot, expressions), DEADLINE)))
        finally:
            browser.terminate()
            browser.wait(10)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
