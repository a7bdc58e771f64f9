"""A headless Chromium, told what to do through its DevTools protocol (https://chromedevtools.github.io/devtools-protocol)."""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import pathlib
import subprocess
import tempfile

import aiohttp

START_SECONDS = 120  # only a browser that does not come up takes so long
# Without the second line it asks its maker's hosts for updates. As root it has no sandbox.
FLAGS = """--headless --disable-gpu --disable-quic --no-first-run --remote-debugging-port=0 --window-size=1280,900 --lang=en
    --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage""".split()


@contextlib.asynccontextmanager
async def browser(program):
    """A Tab of a browser without a past."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="ferrio-", ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, *sandbox, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            address = await _address(process, pathlib.Path(profile, "DevToolsActivePort"))
            async with aiohttp.ClientSession(address) as session:
                async with session.get("/json/list") as response:
                    page = next(each for each in await response.json() if each["type"] == "page")
                async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    tab = Tab(socket)
                    await tab.begin()
                    yield tab
                    await tab.end()
        finally:
            process.terminate()
            process.wait()


async def _address(process, file):
    async with asyncio.timeout(START_SECONDS):
        while not file.exists() or "\n" not in file.read_text():
            assert process.poll() is None, f"the browser ended with status {process.returncode}"
            await asyncio.sleep(0.05)
    return f"http://127.0.0.1:{file.read_text().splitlines()[0]}"


class Tab:
    """One tab. `complaints` are what a page's developer would see in red since the last `open`."""

    def __init__(self, socket):
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers = {}
        self._loaded = asyncio.Event()
        self.complaints, self.requests = [], []

    async def begin(self):
        self._reader = asyncio.create_task(self._read())
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._call(f"{domain}.enable")

    async def end(self):
        self._reader.cancel()
        await asyncio.wait([self._reader])

    async def open(self, url):
        """Load the page, with everything it asks for at once."""
        self.complaints, self.requests = [], []
        await self._follow(self._call("Page.navigate", url=url))

    async def click(self, selector):
        """Follow what the selector finds first, a link to another page."""
        await self._follow(self.evaluate(f"document.querySelector({json.dumps(selector)}).click()"))

    async def _follow(self, leaving):
        self._loaded.clear()
        await leaving
        await self._loaded.wait()

    async def evaluate(self, expression):
        """The value of a JavaScript expression, or what the promise that it is becomes."""
        answer = await self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def size(self, width, height):
        await self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    async def screenshot(self, path):
        path.write_bytes(base64.b64decode((await self._call("Page.captureScreenshot"))["data"]))

    async def _call(self, method, **parameters):
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return await answer

    async def _read(self):
        async for message in self._socket:
            told = message.json()
            if "id" not in told:
                self._hear(told["method"], told["params"])
            elif "error" in told:
                self._answers.pop(told["id"]).set_exception(RuntimeError(told["error"]["message"]))
            else:
                self._answers.pop(told["id"]).set_result(told["result"])

    def _hear(self, event, content):
        if event == "Page.loadEventFired":
            self._loaded.set()
        elif event == "Network.requestWillBeSent":
            self.requests.append(content["request"]["url"])
        elif event == "Network.responseReceived" and content["response"]["status"] >= 400:
            self.complaints.append(f"{content['response']['status']} {content['response']['url']}")
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(content["exceptionDetails"]["text"])
        elif event == "Log.entryAdded" and content["entry"]["level"] == "error":
            self.complaints.append(content["entry"]["text"])
