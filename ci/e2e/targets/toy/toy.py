"""A toy database and its client, for the tests of targets of one's own."""
import json
import socket
import socketserver
import sys
import time

PORT = 7777


class Handler(socketserver.StreamRequestHandler):
    data = {}

    def handle(self):
        for line in self.rfile:
            self.answer(line)

    def answer(self, line):
        op = json.loads(line)
        key = json.dumps(op.get("key"))
        if op["f"] == "write":
            self.data[key] = op["value"]
        answer = {"value": self.data.get(key)}
        if op["f"] == "cas":
            old, new = op["value"]
            answer["done"] = self.data.get(key) == old
            if answer["done"]:
                self.data[key] = new
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def client():
    say = lambda answer: print(json.dumps(answer), flush=True)
    init = json.loads(sys.stdin.readline())
    timeout = init["timeout_ms"] / 1000
    # The data is on node 1 alone, so that one node can be linearizable.
    home, links = init["nodes"][0]["ip"], {}
    by_name = {node["name"]: node["ip"] for node in init["nodes"]}
    say({"ready": True})
    for line in sys.stdin:
        op = json.loads(line)
        ip = by_name.get(op.get("node"), home)
        answer = {"id": op["id"], "sent_ns": time.monotonic_ns()}
        try:
            if ip not in links:
                links[ip] = socket.create_connection((ip, PORT), timeout)
            links[ip].settimeout(timeout)
            links[ip].sendall(line.encode())
            got = json.loads(links[ip].makefile().readline())
            answer["type"] = "ok" if got.get("done", True) else "fail"
            if op["f"] == "read":
                answer["value"] = got["value"]
        except (OSError, ValueError) as error:
            links.pop(ip, None)
            answer.update(type="info", error=str(error))
        answer["received_ns"] = time.monotonic_ns()
        say(answer)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        Server((sys.argv[2], PORT), Handler).serve_forever()
    elif sys.argv[1] == "ready":
        try:
            socket.create_connection((sys.argv[2], PORT), 0.5).close()
        except OSError:
            sys.exit(1)
    else:
        client()
