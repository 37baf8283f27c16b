"""kill -9 of the controller at random moments: nothing stays, nothing is lost."""
import json
import os
import random
import re
import signal
import subprocess
import time
import unittest

from support import (BIN, LONG, ORDEAL, SOURCE, Case, interfaces, mounts, ordeal,
                     processes_with, skip_without_sandbox)

MOMENTS = 20 if LONG else 6

CELL = """ordeal: 1
name: t
cells:
  - id: c
    target: refdb
    client: ["python3", "CLIENT", "DIR/told", "BIN/refdb-client"]
    nodes: 3
    clients: 4
    rate: 800
    time: 5s
    settings: {ack: async}
    workload: set
    checkers: [lost, stats]
    nemesis:
      - {fault: partition, shape: random-halves, every: 100ms..300ms, for: 100ms..300ms}
      - {fault: pause, who: one, every: 200ms..500ms, for: 100ms..300ms}
"""


NODE = """#!/bin/sh
# A node with daemons that left its process group, and one that will not end.
(setsid sh "$1/daemon.sh" "$1" &)
trap '' TERM
while :; do date > /dev/null; sleep 0.01; done
"""

DAEMON = """#!/bin/sh
trap '' TERM
(setsid sh -c 'while :; do :; done' "$1" &)
while :; do sleep 1; done
"""

IN_FORCE = (
    "{fault: process, kind: stop, within: 50s, who: all, at: 100ms}",
    "{fault: process, kind: storm, who: all, times: 100, interval: 50ms, "
    "at: 100ms}",
    "{fault: process, kind: throttle, who: all, share: 1%, period: 5s, "
    "at: 100ms}",
    "{fault: process, kind: limit, who: all, descriptors: 8, memory: 1MiB, "
    "file_size: 1B, at: 100ms}",
    "{fault: kill, who: that node, on: {log: '[0-9]', cooldown: 5ms}, "
    "for: 10ms}",
)


class DeathInFault(Case):
    """Nodes with daemons, killed with the controller while a fault of
    processes is in force: nobody stays, stopped or not."""

    def start(self, folder, fault):
        os.makedirs(folder)
        for name, text in (("node.sh", NODE), ("daemon.sh", DAEMON)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(text)
        with open(os.path.join(folder, "target.yaml"), "w",
                  encoding="utf-8") as f:
            f.write("ordeal: 1\nname: daemons\nnode:\n"
                    '  start: ["sh", "{target}/node.sh", "{target}"]\n'
                    'client: ["{bin}/ordeal-null-client"]\n'
                    "workloads: [set]\n")
        campaign = self.campaign(
            f"ordeal: 1\nname: t\ncells:\n  - id: c\n    target: {folder}\n"
            "    nodes: 2\n    clients: 1\n    rate: 20\n    time: 60s\n"
            "    workload: set\n    checkers: [stats]\n"
            f"    nemesis: [{fault}]\n", os.path.basename(folder) + ".yaml")
        return subprocess.Popen(
            [ORDEAL, "run", campaign, "--out", os.path.join(folder, "out")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)

    def faults(self):
        return IN_FORCE

    def await_fault(self, folder):
        ledger = os.path.join(folder, "out", "c-s1", "ledger.jsonl")
        log = os.path.join(folder, "out", "c-s1", "nodes", "n1.log")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            time.sleep(0.05)
            if os.path.exists(log):  # for the fault that waits for a line
                with open(log, "a", encoding="utf-8") as file:
                    file.write("line 1\n")
            if not os.path.exists(ledger):
                continue
            with open(ledger, encoding="utf-8") as file:
                if '"event":"injected"' in file.read():
                    return
        self.fail("the fault was never injected")

    def test_each(self):
        before = (interfaces(), mounts())
        for number, fault in enumerate(self.faults()):
            with self.subTest(fault=fault):
                folder = self.path(f"daemons{number}")
                run = self.start(folder, fault)
                self.await_fault(folder)
                time.sleep(0.3)
                self.assertNotEqual(processes_with(folder), [])
                run.send_signal(signal.SIGKILL)
                run.wait()
                deadline = time.monotonic() + 2
                while processes_with(folder) and time.monotonic() < deadline:
                    time.sleep(0.02)
                self.assertEqual(processes_with(folder), [])
                self.assertEqual((interfaces(), mounts()), before)


# What a fault must be told besides its kind, so that there is something to it.
MORE = {
    "flaky": ["loss: 20%"],
    "packet": ["delay: 50ms", "clog: yes", "reset: all", "bytes: 4KiB",
               "loss: 20%, swizzle: yes"],
    "limit": ["descriptors: 16"],
}


def faults_of(nemesis):
    """Each kind (or shape) that the fault's description lists."""
    kinds = []
    for param in nemesis["params"]:
        if param["name"] in ("kind", "shape"):
            words = re.sub(r"\([^)]*\)", "", param["about"]).split("|")
            kinds = [(param["name"], word.split()[0]) for word in words]
    name = nemesis["name"]
    if not kinds:
        return [f"{{fault: {name}, {more}}}" if more else f"{{fault: {name}}}"
                for more in MORE.get(name, [""])]
    return ["{" + ", ".join([f"fault: {name}", f"{key}: {kind}"] +
                            MORE.get(kind, [])) + "}" for key, kind in kinds]


class DeathInEveryFault(DeathInFault):
    """All that `ordeal list nemeses` knows and can do here, under refdb; one
    kind of each, drawn, or with ORD_LONG=1 every kind."""

    def target(self, folder):
        """refdb, and anybody may be promoted."""
        with open(os.path.join(SOURCE, "targets/refdb/target.yaml"),
                  encoding="utf-8") as file:
            text = file.read()
        with open(os.path.join(folder, "target.yaml"), "w",
                  encoding="utf-8") as file:
            file.write(text.replace("  primary:",
                                    '  promote: ["true"]\n  primary:'))
        return folder

    def start(self, folder, fault):
        os.makedirs(folder)
        when = "at: 100ms, for: 30s"
        nodes = "4\n    start-with: 3" if "kind: add" in fault else "3"
        campaign = self.campaign(
            "ordeal: 1\nname: t\ncells:\n  - id: c\n"
            f"    target: {self.target(folder)}\n"
            f"    nodes: {nodes}\n    clients: 2\n    rate: 100\n    time: 60s\n"
            "    workload: set\n    checkers: [stats]\n"
            f"    nemesis: [{fault[:-1]}, {when}}}]\n",
            os.path.basename(folder) + ".yaml")
        plan = ordeal("plan", campaign, "--ops", "0")
        self.assertEqual(plan.returncode, 0, plan.stderr)
        return subprocess.Popen(
            [ORDEAL, "run", campaign, "--out", os.path.join(folder, "out")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)

    def faults(self):
        found = []
        listed = ordeal("list", "nemeses", "--json")
        for nemesis in json.loads(listed.stdout)["nemeses"]:
            if not nemesis["available"]:
                print(f"left out: {nemesis['name']}: {nemesis['why']}")
                continue
            each = faults_of(nemesis)
            found += each if LONG else [random.choice(each)]
        self.assertGreater(len(found), 7)
        return found


class Death(Case):
    def start(self, number):
        here = os.path.dirname(os.path.abspath(__file__))
        folder = self.path(f"run{number}")
        os.makedirs(os.path.join(folder, "told"))
        text = (CELL.replace("CLIENT", os.path.join(here, "telling_client.py"))
                .replace("DIR", folder).replace("BIN", BIN))
        campaign = self.campaign(text, f"{number}.yaml")
        return folder, subprocess.Popen(
            [ORDEAL, "run", campaign, "--out", os.path.join(folder, "out")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)

    def gone(self, folder):
        """Waits at most a second for the run's processes to be gone."""
        deadline = time.monotonic() + 1.0
        while processes_with(folder) and time.monotonic() < deadline:
            time.sleep(0.02)
        return processes_with(folder) == []

    def told(self, folder):
        """Every operation a client was given, and those it answered ok."""
        given, answered = [], []
        for name in os.listdir(os.path.join(folder, "told")):
            with open(os.path.join(folder, "told", name), encoding="utf-8") as f:
                for line in f.read().split("\n")[:-1]:
                    kind, _, rest = line.partition(" ")
                    (given if kind == "op" else answered).append(json.loads(rest))
        return given, answered

    def look_at_history(self, folder):
        history = os.path.join(folder, "out", "c-s1", "history.ordeal")
        given, _ = self.told(folder)
        if not os.path.exists(history):
            self.assertEqual(given, [])
            return 0
        done = ordeal("check", history, "--checker", "stats", "--json")
        if not given and done.returncode == 64:
            return 0  # killed before the first byte of it was whole
        self.assertIn(done.returncode, (0, 3), done.stderr)
        on_record = {(op["f"], json.dumps(op.get("key")),
                      json.dumps(op.get("value")))
                     for op in self.history(history) if op["type"] == "invoke"}
        for op in given:
            what = (op["f"], json.dumps(op.get("key")),
                    json.dumps(op.get("value")))
            self.assertIn(what, on_record)
        return len(given)

    def test_kill_at_random_moments(self):
        seed = random.randrange(1 << 30)
        print(f"seed {seed}, {MOMENTS} moments")
        draw = random.Random(seed)
        before = (interfaces(), mounts())
        given = 0
        for number in range(MOMENTS):
            folder, run = self.start(number)
            time.sleep(draw.uniform(0.0, 3.0))
            run.send_signal(signal.SIGKILL)
            run.wait()
            self.assertTrue(self.gone(folder), processes_with(folder))
            self.assertEqual((interfaces(), mounts()), before)
            given += self.look_at_history(folder)
        self.assertGreater(given, 100, "the clients were hardly asked anything")


class Interrupt(Case):
    def start(self):
        text = CELL.replace('    client: ["python3", "CLIENT", "DIR/told", '
                            '"BIN/refdb-client"]\n', "").replace("5s", "30s")
        return subprocess.Popen(
            [ORDEAL, "run", self.campaign(text), "--out", self.path("out")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True)

    def wait_for_operations(self):
        history = self.path("out", "c-s1", "history.ordeal")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if os.path.exists(history):
                done = ordeal("check", history, "--checker", "stats", "--json")
                if '"verdict":"pass"' in done.stdout:
                    return
            time.sleep(0.1)
        self.fail("no operation within 20 s")

    def test_once_finishes_and_reports(self):
        run = self.start()
        self.wait_for_operations()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=25)
        result = self.result(self.path("out", "c-s1"))
        told = [p["what"] for p in result["problems"]]
        self.assertTrue(any("interrupted" in text for text in told), told)
        self.assertEqual(run.returncode, result["exit"], out + err)
        self.assertIn("verdict:", out)

    def test_twice_stops_now(self):
        """The clients hang, so that finishing takes its time."""
        campaign = self.cell(
            f'    client: ["{BIN}/ordeal-bad-client", "hang", "5"]\n'
            "    timeout: 20s\n")
        run = subprocess.Popen(
            [ORDEAL, "run", campaign, "--set", "time=30s", "--out",
             self.path("out")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.wait_for_operations()
        time.sleep(0.5)
        run.send_signal(signal.SIGINT)
        time.sleep(0.5)
        self.assertIsNone(run.poll())
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=5)
        self.assertEqual(run.returncode, 5, err)
        self.assertIn("second interrupt", err)
        time.sleep(1)
        self.assertEqual(processes_with(self.dir), [])


if __name__ == "__main__":
    skip_without_sandbox()
    unittest.main()
