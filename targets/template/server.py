#!/usr/bin/env python3
"""The database, until yours takes its place: a dictionary behind a socket.

    server.py IP DATA

A request is a line `GET key`, `SET key value` or `CAS key old new` ("-" for
nothing), a reply the value, `OK`, or `NO`.  What is written is on disk before
it is acknowledged.
"""
import os
import socketserver
import sys
import threading

PORT = 7000


class Store:
    def __init__(self, path):
        self.lock = threading.Lock()
        self.values = {}
        self.file = open(path, "a+b")
        self.file.seek(0)
        size = 0
        for line in self.file:
            if not line.endswith(b"\n"):
                break  # half a line: it was never acknowledged
            key, value = line.decode().split()
            self.values[key] = value
            size += len(line)
        self.file.truncate(size)

    def put(self, key, value):
        self.file.write(f"{key} {value}\n".encode())
        self.file.flush()
        os.fsync(self.file.fileno())
        self.values[key] = value
        return "OK"

    def do(self, verb, key, *rest):
        with self.lock:
            now = self.values.get(key, "-")
            if verb == "GET":
                return now
            if verb == "CAS" and now != rest[0]:
                return "NO"
            return self.put(key, rest[-1])


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            reply = self.server.store.do(*line.decode().split())
            self.wfile.write(reply.encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    server = Server((sys.argv[1], PORT), Handler)
    server.store = Store(os.path.join(sys.argv[2], "store"))
    server.serve_forever()
