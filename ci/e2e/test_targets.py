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


class Settled(Case):
    """Final reads wait until the target says that it has settled."""

    def run_it(self, settled, code):
        folder = self.path("slow-to-settle")
        os.makedirs(folder, exist_ok=True)
        toy = os.path.join(SOURCE, "ci/e2e/targets/toy/toy.py")
        with open(os.path.join(folder, "target.yaml"), "w") as out:
            out.write(f"""ordeal: 1
name: slow-to-settle
node:
  start: ["python3", "{toy}", "serve", "{{ip}}"]
  ready: ["python3", "{toy}", "ready", "{{ip}}"]
  settled: ["sh", "-c", "{settled}"]
client: ["python3", "{toy}", "client"]
timeout: 500ms
workloads: [register]
""")
        campaign = self.campaign(f"""ordeal: 1
name: settled
cells:
  - id: c
    target: {folder}
    nodes: 1
    clients: 2
    rate: 100
    time: 500ms
    settle: 4s
    workload: register
""")
        runs = self.path(f"runs{code}")
        done = ordeal("run", campaign, "--out", runs)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return self.result(runs, "c-s1"), done.stdout + done.stderr

    def test_it_is_asked_again_until_it_says_so(self):
        count = self.path("count")
        self.run_it(f"echo >>{count}; test $(wc -l <{count}) -ge 4", 0)
        with open(count) as lines:
            self.assertEqual(len(lines.readlines()), 4)

    def test_who_never_settles_is_said(self):
        result, said = self.run_it("false", 2)
        self.assertEqual(result["verdict"], "liveness")
        self.assertIn("did not settle", said)


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
