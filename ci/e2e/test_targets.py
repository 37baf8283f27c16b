"""Targets and clients of one's own: no C, no change to ordeal."""
import os
import unittest

from support import SOURCE, Case, ordeal, skip_without_sandbox


class Toy(Case):
    """A database in Python: each node knows only itself."""

    def run_toy(self, nodes, code):
        campaign = self.campaign(f"""ordeal: 1
name: toy
cells:
  - id: c
    target: TARGETS/toy
    nodes: {nodes}
    clients: 3
    rate: 200
    time: 1s
    settle: 500ms
    workload: register
    nemesis:
      - {{fault: partition, shape: clients, nodes: n1, at: 300ms, for: 200ms}}
""")
        done = ordeal("run", campaign, "--out", self.path(str(nodes)))
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return self.result(self.path(str(nodes)), "c-s1")

    def test_one_node_is_linearizable(self):
        self.assertEqual(self.run_toy(1, 0)["verdict"], "pass")

    def test_two_nodes_do_not_converge(self):
        result = self.run_toy(2, 1)
        bad = [c["name"] for c in result["checks"] if c["verdict"] == "violation"]
        self.assertIn("convergence", bad)


class Python(Case):
    """The second client of refdb, in another language, finds the same."""

    def test_finds_lost_writes(self):
        client = os.path.join(SOURCE, "targets/refdb/client.py")
        for ack, expected in (("async", "violation"), ("quorum", "pass")):
            with self.subTest(ack=ack):
                campaign = self.campaign(f"""ordeal: 1
name: python
cells:
  - id: c
    target: refdb
    client: ["python3", "{client}"]
    rate: 300
    time: 3s
    timeout: 500ms
    settings: {{ack: {ack}}}
    workload: set
    checkers: [lost, convergence, stats]
    expect: {{lost: {expected}}}
    nemesis:
      - {{fault: partition, shape: isolate-leader, at: 500ms, for: 1500ms}}
""")
                done = ordeal("run", campaign, "--out", self.path(ack))
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    skip_without_sandbox()
    unittest.main()
