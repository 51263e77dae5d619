#!/usr/bin/python3
"""raw_upgrade.py - answers WebSocket upgrades with bytes that no good server sends.

    raw_upgrade.py ANSWER

Prints "listening PORT" and gives every client the same answer; ends when standard input closes.

What an answer is:
    wrong-key     101 with a Sec-WebSocket-Accept that belongs to another key
    no-key        101 without one
    not-http      something that is no HTTP
    ok            200, as a web server does that knows no WebSocket
    silence       nothing at all
    masked        a good 101, then a masked frame, which servers may not send
    bad-opcode    a good 101, then a frame of a reserved opcode
    close         a good 101, then, in another segment, a close frame with code 1011 and "bye"
"""
import base64
import hashlib
import socket
import sys
import threading

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
AFTER = {"masked": b"\x81\x82\x01\x02\x03\x04zz", "bad-opcode": b"\x83\x02zz",
         "close": b"\x88\x05\x03\xf3bye"}


def read_key(request):
    for line in request.split(b"\r\n"):
        if line.lower().startswith(b"sec-websocket-key:"):
            return line.split(b":", 1)[1].strip()
    return b""


def answer(kind, request):
    if kind == "wrong-key":
        return UPGRADE + b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    if kind == "no-key":
        return UPGRADE + b"\r\n"
    if kind == "not-http":
        return b"220 mail.example.com ESMTP\r\n"
    if kind == "ok":
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    if kind == "silence":
        return b""
    digest = hashlib.sha1(read_key(request) + GUID).digest()
    accept = b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    return UPGRADE + accept


def serve(client, kind):
    request = b""
    while b"\r\n\r\n" not in request:
        more = client.recv(4096)
        if not more:
            return
        request += more
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(answer(kind, request))
    client.sendall(AFTER.get(kind, b""))
    while client.recv(4096):
        pass


def serve_all(listener, kind):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, kind), daemon=True).start()


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve_all, args=(listener, sys.argv[1]), daemon=True).start()
    print("listening", listener.getsockname()[1], flush=True)
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
