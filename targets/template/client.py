#!/usr/bin/env python3
"""What ordeal's operations mean to NAME: one line in, one line out.

Change `call` and `send`; the rest can stay.  The protocol is PROTOCOL.md in
targets/client of ordeal.  Say "ok" if it happened, "fail" only if it surely
did not, "info" if nobody knows: a wrong "fail" makes every verdict wrong.
Standard output is for answers alone: print what you want to see to stderr,
which is kept as clients/w0.log, w1.log, ... in the run's folder.
"""
import json
import socket
import sys
import time

PORT = 7000
links = {}  # node's address -> its open connection


class NotSent(Exception):
    """Not one byte left: it did not happen."""


def send(ip, line, timeout):
    """One request, one reply; never a second time, never a late reply."""
    try:
        if ip not in links:
            links[ip] = socket.create_connection((ip, PORT), timeout)
    except OSError as error:
        raise NotSent(str(error)) from error
    try:
        links[ip].settimeout(timeout)
        links[ip].sendall(line.encode() + b"\n")
        reply = b""
        while not reply.endswith(b"\n"):
            more = links[ip].recv(4096)
            if not more:
                raise OSError("the connection ended")
            reply += more
        return reply.decode().strip()
    except OSError:
        links.pop(ip).close()  # its reply may still come: not for us
        raise


def call(op, ip, timeout):
    """Does the operation; returns what to say of it."""
    key, value = f"k{op.get('key', 0)}", op.get("value")
    if op["f"] == "read":
        reply = send(ip, f"GET {key}", timeout)
        return {"type": "ok", "value": None if reply == "-" else int(reply)}
    if op["f"] == "write":
        send(ip, f"SET {key} {value}", timeout)
        return {"type": "ok"}
    if op["f"] == "cas":
        old = "-" if value[0] is None else value[0]
        reply = send(ip, f"CAS {key} {old} {value[1]}", timeout)
        return {"type": "ok" if reply == "OK" else "fail"}
    return {"type": "fail", "error": f"{op['f']} is not done here"}


def answer(op, ip, timeout):
    sent_ns = time.monotonic_ns()
    try:
        said = call(op, ip, timeout)
    except NotSent as error:
        time.sleep(0.02)  # or a node that is down fills the history
        said = {"type": "fail", "error": str(error)}
    except (OSError, ValueError) as error:
        # A read changed nothing, so it may fail; of a write nobody knows.
        unsure = "fail" if op["f"] == "read" else "info"
        said = {"type": unsure, "error": str(error)}
    return {"id": op["id"], "sent_ns": sent_ns,
            "received_ns": time.monotonic_ns(), **said}


def main():
    init = json.loads(sys.stdin.readline())
    nodes = {node["name"]: node["ip"] for node in init["nodes"]}
    timeout = init["timeout_ms"] / 1000 * 0.9
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        op = json.loads(line)
        ip = nodes[op.get("node", init["node"])]
        print(json.dumps(answer(op, ip, timeout)), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ready"]:
        try:
            send(sys.argv[2], "GET ready", 0.9)
        except (NotSent, OSError) as error:
            sys.exit(f"{sys.argv[2]}:{PORT}: {error}")  # and status 1
    else:
        main()
