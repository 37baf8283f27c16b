"""Faults at a named moment: at a line in a log, at an operation."""
import os
import unittest

from support import TARGETS, Case, ordeal, skip_without_sandbox

CELL = """ordeal: 1
name: t
cells:
  - id: c
    target: refdb
    nodes: 3
    clients: 4
    rate: 300
    time: 4s
    settle: 8s
    workload: register
    checkers: [linearizable, stats]
    nemesis:
NEMESIS
"""

NODE = """#!/bin/sh
# Writes to log files of its own, one of which is only there later.
mkdir -p log
echo BOOM too early > log/a.log
i=0
while :; do
    sleep 0.2
    i=$((i + 1))
    [ "$(uname -n)" = n2 ] && [ $i = 8 ] && echo "at last: BOOM 17" > log/b.log
done
"""


class Triggers(Case):
    def faults(self, entries, code=0):
        """Runs the cell; what the nemesis did: (fault, what, stage)."""
        text = CELL.replace("NEMESIS", "\n".join(
            "      - " + entry for entry in entries))
        done = ordeal("run", self.campaign(text), "--out", self.path("out"))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        ops = self.history(self.path("out", "c-s1"))
        return ops, [op for op in ops if op["process"] == "nemesis" and
                     op["f"] != "heal"]

    def test_log_strikes_who_wrote_it_once(self):
        """All are killed; who leads next is paused, the first time only."""
        _, faults = self.faults([
            "{fault: kill, who: all, at: [300ms, 2500ms], for: 200ms}",
            "{fault: pause, who: that node, on: {log: ' leader epoch='}, "
            "for: 300ms}"])
        struck = [op["value"][2] for op in faults
                  if op["f"] == "pause" and op["value"][0] == "begin"]
        self.assertEqual(len(struck), 1)
        with open(self.path("out", "c-s1", "nodes", struck[0] + ".log"),
                  encoding="utf-8") as file:
            self.assertIn(" leader epoch=", file.read())

    def test_operation_strikes_who_was_asked(self):
        ops, faults = self.faults([
            "{fault: pause, who: that node, on: {op: cas, type: invoke, "
            "cooldown: 500ms}, for: 100ms}"])
        begins = [op for op in faults if op["value"][0] == "begin"]
        self.assertGreaterEqual(len(begins), 4)
        for begin in begins:
            asked = [op for op in ops if op["f"] == "cas" and
                     op["type"] == "invoke" and op["time"] <= begin["time"] and
                     op.get("node") == begin["value"][2].split()[0]]
            self.assertTrue(asked)
            self.assertLess(begin["time"] - asked[-1]["time"], 300_000_000)

    def test_log_files_of_its_own(self):
        folder = self.path("filer")
        os.mkdir(folder)
        with open(os.path.join(folder, "node.sh"), "w", encoding="utf-8") as f:
            f.write(NODE)
        with open(os.path.join(TARGETS, "empty", "target.yaml"),
                  encoding="utf-8") as f:
            lines = [line for line in f.read().splitlines()
                     if "ready:" not in line]
        lines.insert(lines.index("node:") + 1, '  logs: ["{data}/log/*.log"]')
        with open(os.path.join(folder, "target.yaml"), "w",
                  encoding="utf-8") as f:
            f.write("\n".join(lines))
        out = self.path("out")
        campaign = self.cell("    nemesis: [{fault: kill, who: that node, on: "
                             "{log: '(OOM|BOOM) [0-9]+$'}, for: 200ms}]\n")
        with open(campaign, encoding="utf-8") as file:
            text = file.read()
        done = ordeal("run", self.campaign(text.replace(
            os.path.join(TARGETS, "empty"), folder)), "--out", out, "--set",
                      "time=4s")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with open(os.path.join(out, "c-s1", "ledger.jsonl"),
                  encoding="utf-8") as file:
            text = file.read()
        self.assertEqual(text.count('"intent"'), 1, text)
        self.assertIn('"what":"n2"', text)


if __name__ == "__main__":
    skip_without_sandbox()
    unittest.main()
