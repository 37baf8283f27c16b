#!/usr/bin/env python3
"""A client program for refdb in Python: the example to copy for your database.

It speaks PROTOCOL.md (targets/client/): one JSON object per line.  The harness
sends an init line, then one operation after the other; we answer each with
ok (it happened), fail (it surely did not) or info (nobody knows).
Settings it knows: read-from = leader | any.  Standard library only.
"""
import json
import random
import socket
import sys
import time


class Refused(Exception):
    """The node says, or we know, that nothing happened: fail."""


class Unknown(Exception):
    """The operation may have happened, now or later: info."""


class Node:
    """One connection, opened when needed, closed when in doubt."""

    def __init__(self, ip):
        host, _, port = ip.partition(":")
        self.address = (host, int(port or 6379))
        self.file = None

    def close(self):
        # After a timeout the answer may still come.  Closing makes sure that
        # it is never taken for the answer to the next operation.
        if self.file is not None:
            self.file.close()
            self.socket.close()
        self.file = None

    def call(self, args, deadline):
        """Returns (reply, node id, epoch, position, sent_ns, received_ns)."""
        try:
            if self.file is None:
                self.connect(deadline)
        except (OSError, ValueError, Refused) as error:
            self.close()
            raise Refused(f"could not be sent: {error}") from error
        try:
            self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
            sent_ns = time.monotonic_ns()  # the clock of the harness
            self.send(args)
            reply = self.read()
            received_ns = time.monotonic_ns()
            value, node, epoch, position = reply  # META ON makes it four
        except (OSError, ValueError, TypeError) as error:
            # From the first byte sent on, silence and nonsense prove nothing.
            self.close()
            raise Unknown(f"no good answer: {error}") from error
        return value, node, epoch, position, sent_ns, received_ns

    def connect(self, deadline):
        # A third of the time, so that there is some left to ask another node.
        left = max((deadline - time.monotonic()) / 3, 0.001)
        self.socket = socket.create_connection(self.address, left)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(left)
        self.file = self.socket.makefile("rb")
        self.send(["META", "ON"])
        self.read()

    def send(self, args):
        parts = [str(arg).encode() for arg in args]
        lines = [b"*%d" % len(parts)]
        for part in parts:
            lines += [b"$%d" % len(part), part]
        self.socket.sendall(b"\r\n".join(lines) + b"\r\n")

    def read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ValueError("the connection ended")
        kind, text = line[:1], line[1:-2].decode()
        if kind == b"+":
            return text
        if kind == b":":
            return int(text)
        if kind == b"$":
            size = int(text)
            return None if size < 0 else self.file.read(size + 2)[:-2].decode()
        if kind == b"*":
            return [self.read() for _ in range(int(text))]
        if kind == b"-" and text.split(" ")[0] in REFUSALS:
            raise Refused(text)
        if kind == b"-" and text.startswith("UNCERTAIN"):
            raise Unknown(text)
        raise ValueError(f"not RESP: {line[:40]!r}")


# Errors by which the node promises that it did nothing.  All others do not.
REFUSALS = {"NOTLEADER", "NOLEADER", "LAGGING", "FENCED", "LOADING", "ERR"}


def command(op, workload):
    key, value = op.get("key", 0), op.get("value")
    if op["f"] == "read":
        return [{"set": "SMEMBERS", "list": "LRANGE"}.get(workload, "GET"), key]
    if op["f"] == "cas" and value[0] is None:
        return ["CASNIL", key, value[1]]
    if op["f"] == "cas":
        return ["CAS", key, *value]
    return [{"write": "SET", "add": "SADD", "append": "RPUSH"}[op["f"]],
            key, value]


def number(value):
    if isinstance(value, list):
        return [number(item) for item in value]
    try:
        return int(value)
    except (TypeError, ValueError):
        return value


class Client:
    def __init__(self, init):
        self.init = init
        self.names = [node["name"] for node in init["nodes"]]
        self.numbers = [str(i + 1) for i in range(len(self.names))]
        self.nodes = [Node(node["ip"]) for node in init["nodes"]]
        self.home = self.names.index(init["node"])
        self.leader = self.home
        self.random = random.Random(f"{init['seed']}/{init['process']}")
        self.reads_any = init["settings"].get("read-from") == "any"

    def at_leader(self, args, deadline):
        """Home first, then wherever we are sent; each refusal is definite,
        so that it is safe to ask somebody else."""
        for _ in range(2 * len(self.nodes)):
            try:
                return self.nodes[self.leader].call(args, deadline)
            except Refused as error:
                refusal = error
                word, hint = (str(error).split(" ") + ["", ""])[:2]
                if word == "ERR" or time.monotonic() > deadline:
                    break
                if word == "NOTLEADER" and hint in self.numbers:
                    self.leader = self.numbers.index(hint)
                else:  # nobody to follow: the next one, not too fast
                    self.leader = (self.leader + 1) % len(self.nodes)
                    time.sleep(0.01)
            except Unknown:
                self.leader = self.home
                raise
        self.leader = self.home
        raise refusal

    def at_any(self, args, deadline):
        """A random replica; another one where that cannot be asked."""
        for node in self.random.sample(self.nodes, len(self.nodes)):
            try:
                return node.call(args, deadline)
            except Refused as error:
                refusal = error
        raise refusal

    def ask(self, op, deadline):
        args = command(op, self.init["workload"])
        if "node" in op:  # this replica, from its own state, or nobody
            args = ["LOCAL", *args] if op["f"] == "read" else args
            return self.nodes[self.names.index(op["node"])].call(args, deadline)
        if op["f"] == "read" and self.reads_any:
            return self.at_any(["LOCAL", *args], deadline)
        return self.at_leader(args, deadline)

    def invoke(self, op):
        done = {"id": op["id"], "type": "info"}
        deadline = time.monotonic() + self.init["timeout_ms"] / 1000
        try:
            (value, node, done["epoch"], done["position"], done["sent_ns"],
             done["received_ns"]) = self.ask(op, deadline)
            done["type"] = "ok"
            if 1 <= node <= len(self.names):
                done["node"] = self.names[node - 1]
            if op["f"] == "read":
                done["value"] = number(value)
            elif op["f"] == "cas" and value == 0:
                done.update(type="fail", error="compared unequal")
        except Refused as error:
            done.update(type="fail", error=str(error))
        except Unknown as error:
            # A read changed nothing, whether or not it was answered.
            kind = "fail" if op["f"] == "read" else "info"
            done.update(type=kind, error=str(error))
        return done


def say(line):
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def main():
    client = Client(json.loads(sys.stdin.readline()))
    say({"ready": True})
    for line in sys.stdin:
        say(client.invoke(json.loads(line)))


if __name__ == "__main__":
    main()
