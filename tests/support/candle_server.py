#!/usr/bin/python3
"""candle_server.py - a WebSocket feed that is not ours, on the websockets library, good or bad.

    candle_server.py --port 0 --csv FILE --symbol BTCUSD --timeframe 1m [options]

Prints "listening PORT", then serves the rows of a CSV file to each client that subscribes, with the
file's own decimal text: per row one forming candle and one closed. Ends when standard input closes.

Protocol wealthdata: the client's CONNECT is confirmed with CONNECTED, then KLINE (forming) and BAR
messages follow. Protocol binance: SUBSCRIBE is confirmed, then kline events follow, wrapped as
combined streams where the path is /stream.

What a behaviour does:
    good           nothing unusual
    never-confirm  a subscription gets no answer
    close-at-once  closes with 1011 as soon as a client is there
    error-reply    refuses every subscription in the protocol's words
    garbage        after the confirmation sends all kinds of broken messages, then the good rows
    bad-text       after the confirmation sends a text frame that is not UTF-8, then the good rows
    binary         after the confirmation sends a binary message, then the good rows
    huge-frame     after the confirmation sends a frame of 64 MiB, then the good rows
    drop           cuts the connection without a close frame after the first rows
"""
import argparse
import asyncio
import csv
import json
import ssl
import struct
import sys

import websockets

UNIT_MS = {"s": 1000, "m": 60000, "h": 3600000, "d": 86400000, "w": 7 * 86400000}
FAR_AHEAD_MS = 4102444800000  # 2100-01-01
MISSING = object()  # a change that leaves a field out
HUGE_BYTES = 64 << 20
DROP_ROWS = 10
FRAGMENTS = 3
CLOSE_INTERNAL_ERROR = 1011
TEXT_FRAME = 0x81  # FIN and the text opcode


def parse_arguments():
    parser = argparse.ArgumentParser(description="a WebSocket feed for tests")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--csv", required=True)
    parser.add_argument("--symbol", default="BTCUSD")
    parser.add_argument("--timeframe", default="1m")
    parser.add_argument("--protocol", choices=["wealthdata", "binance"], default="wealthdata")
    parser.add_argument("--rows", type=int, default=0, help="only the first so many; 0 for all")
    parser.add_argument("--closed", action="store_true", help="closed candles only")
    parser.add_argument("--fragment", action="store_true", help="every message in fragments")
    parser.add_argument("--ping", action="store_true",
                        help="a ping before every message, and between fragments")
    parser.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    parser.add_argument("--behaviour", default="good",
                        choices=["good", "never-confirm", "close-at-once", "error-reply", "garbage",
                                 "bad-text", "binary", "huge-frame", "drop"])
    parser.add_argument("--times", type=int, default=1, help="how often the garbage is sent")
    return parser.parse_args()


def read_rows(path, limit):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return rows[:limit] if limit else rows


def raw_text_frame(payload):
    """A server's text frame by hand, for what the library would refuse to send."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", TEXT_FRAME, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", TEXT_FRAME, 126, size) + payload
    return struct.pack("!BBQ", TEXT_FRAME, 127, size) + payload


class Wealthdata:
    """The project's own protocol."""

    def __init__(self, options):
        self.options = options
        self.step_ms = int(options.timeframe[:-1]) * UNIT_MS[options.timeframe[-1]]

    def confirmation(self, request):
        return {"type": "CONNECTED"} if request.get("type") == "CONNECT" else None

    def refusal(self, _request):
        return {"type": "ERROR", "message": "subscription refused"}

    def candle(self, row, closed, changes=None):
        open_ms = int(row["open_time"])
        message = {"type": "BAR" if closed else "KLINE", "symbol": self.options.symbol,
                   "timeframe": self.options.timeframe, "open_time": open_ms,
                   "close_time": open_ms + self.step_ms - 1, "open": row["open"],
                   "high": row["high"], "low": row["low"], "close": row["close"],
                   "volume": row["volume"], "closed": closed}
        message.update(changes or {})
        return {name: value for name, value in message.items() if value is not MISSING}


class Binance(Wealthdata):
    """Kline events of Binance, raw or as combined streams."""

    KEYS = {"symbol": "s", "timeframe": "i", "open_time": "t", "close_time": "T", "open": "o",
            "high": "h", "low": "l", "close": "c", "volume": "v", "closed": "x"}

    def __init__(self, options, combined):
        super().__init__(options)
        self.combined = combined

    def confirmation(self, request):
        if request.get("method") != "SUBSCRIBE":
            return None
        return {"result": None, "id": request.get("id")}

    def refusal(self, request):
        return {"error": {"code": 2, "msg": "Invalid request: invalid stream"},
                "id": request.get("id")}

    def candle(self, row, closed, changes=None):
        plain = super().candle(row, closed, changes)
        kline = {self.KEYS[name]: value for name, value in plain.items() if name in self.KEYS}
        kline.update({"f": 1, "L": 2, "n": 2, "q": "0", "V": "0", "Q": "0", "B": "0"})
        event = {"e": "kline", "E": plain["close_time"], "s": plain["symbol"], "k": kline}
        if not self.combined:
            return event
        stream = f"{self.options.symbol.lower()}@kline_{self.options.timeframe}"
        return {"stream": stream, "data": event}


def broken_messages(protocol, row):
    """Texts that no client may take for a candle."""
    yield from ["", "{", "not json", "[]", "null", "{}", '{"type":', "[" * 1000, '"\\ud800"']
    high_below_low = {"high": row["low"], "low": str(float(row["high"]) + 1)}
    for changes in [{"open": "NaN"}, {"close": "Infinity"}, {"high": None}, {"open": {"a": 1}},
                    {"close": MISSING},
                    {"low": "12,5"}, {"volume": "-1"}, high_below_low, {"symbol": "NOSUCHSYMBOL"},
                    {"timeframe": "17m"}, {"open_time": FAR_AHEAD_MS}, {"open_time": "soon"},
                    {"open_time": -1}, {"open_time": int(row["open_time"]) + 1},
                    {"closed": "maybe"}, {"open": "1" * 500}]:
        yield json.dumps(protocol.candle(row, True, changes))
    good = json.dumps(protocol.candle(row, True))
    yield good[:-1]
    yield good + good
    yield good.replace(f'"{row["open"]}"', "NaN", 1)


class Session:
    """One client."""

    def __init__(self, socket, options, rows):
        self.socket = socket
        self.options = options
        self.rows = rows
        request = getattr(socket, "request", None)  # newer versions of the library
        path = request.path if request is not None else socket.path
        if options.protocol == "binance":
            self.protocol = Binance(options, combined=path.startswith("/stream"))
        else:
            self.protocol = Wealthdata(options)

    async def ping(self):
        pong = await self.socket.ping()
        pong.add_done_callback(lambda future: future.cancelled() or future.exception())

    async def fragments(self, text):
        size = max(1, len(text) // FRAGMENTS)
        for start in range(0, len(text), size):
            if start and self.options.ping:
                await self.ping()
            yield text[start:start + size]

    async def send(self, text):
        if self.options.ping:
            await self.ping()
        if self.options.fragment and text:
            await self.socket.send(self.fragments(text))
        else:
            await self.socket.send(text)

    async def send_bad_text(self):
        self.socket.transport.write(raw_text_frame(b'{"type":"\xff\xfe"}'))

    async def send_huge_frame(self):
        self.socket.transport.write(raw_text_frame(b" " * HUGE_BYTES))

    async def send_binary(self):
        await self.socket.send(json.dumps(self.protocol.candle(self.rows[0], True)).encode())

    async def send_broken(self):
        for _ in range(self.options.times):
            for text in broken_messages(self.protocol, self.rows[0]):
                await self.send(text)

    async def send_rows(self):
        for count, row in enumerate(self.rows):
            if self.options.behaviour == "drop" and count == DROP_ROWS:
                self.socket.transport.abort()
                return
            if not self.options.closed:
                await self.send(json.dumps(self.protocol.candle(row, False)))
            await self.send(json.dumps(self.protocol.candle(row, True)))

    async def subscribe(self, request):
        behaviour = self.options.behaviour
        if behaviour == "never-confirm":
            return
        if behaviour == "error-reply":
            await self.send(json.dumps(self.protocol.refusal(request)))
            return
        confirmation = self.protocol.confirmation(request)
        if confirmation is None:
            return
        await self.send(json.dumps(confirmation))
        before = {"bad-text": self.send_bad_text, "binary": self.send_binary,
                  "huge-frame": self.send_huge_frame,
                  "garbage": self.send_broken}.get(behaviour)
        if before:
            await before()
        await self.send_rows()

    async def serve(self):
        if self.options.behaviour == "close-at-once":
            await self.socket.close(CLOSE_INTERNAL_ERROR, "no service today")
            return
        async for text in self.socket:
            await self.subscribe(json.loads(text))


async def input_closed():
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.buffer.read, 1):
        pass


async def main():
    options = parse_arguments()
    rows = read_rows(options.csv, options.rows)
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)

    async def handle(socket):
        try:
            await Session(socket, options, rows).serve()
        except websockets.ConnectionClosed:
            pass

    async with websockets.serve(handle, "127.0.0.1", options.port, ssl=context,
                                ping_interval=None, max_size=None) as server:
        print("listening", list(server.sockets)[0].getsockname()[1], flush=True)
        await input_closed()


if __name__ == "__main__":
    asyncio.run(main())
