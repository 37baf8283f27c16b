"""The same seed: the same plan, and for each worker the same operations."""
import json
import os
import unittest

from support import SOURCE, Case, ordeal, skip_without_sandbox

QUICKSTART = os.path.join(SOURCE, "ci/campaigns/quickstart.yaml")


class Plan(Case):
    def plan(self, *args):
        done = ordeal("plan", QUICKSTART, "--ops", "40", *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_same_seed_same_bytes(self):
        self.assertEqual(self.plan("--seed", "5"), self.plan("--seed", "5"))
        self.assertNotEqual(self.plan("--seed", "5"), self.plan("--seed", "6"))

    def test_json_says_the_same(self):
        plan = json.loads(self.plan("--seed", "5", "--json"))
        self.assertEqual(plan["ordeal"], 1)
        self.assertTrue(all(len(cell["workers"]) == 6
                            for cell in plan["cells"]))


class Run(Case):
    """Two runs of one seed against its plan, for every workload."""

    def workers(self, *names):
        """Per worker: what it was given in the main phase, in order."""
        found = {}
        history = self.history(*names)
        for op in history:
            if op["type"] != "invoke" or op.get("final"):
                continue
            worker = op["process"] % 4
            found.setdefault(worker, []).append(
                (op["f"], op.get("key"), op.get("value")))
        faults = [op["value"][2] for op in history
                  if op["process"] in (-1, "nemesis") and
                  op["value"][0] == "begin"]
        return found, faults

    def test_runs_follow_the_plan(self):
        for workload in ("register", "set", "sessions", "list"):
            with self.subTest(workload=workload):
                self.compare(workload)

    def compare(self, workload):
        campaign = self.campaign(f"""ordeal: 1
name: t
cells:
  - id: c
    target: refdb
    clients: 4
    rate: 300
    time: 1500ms
    seeds: [9]
    settings: {{ack: quorum}}
    workload: {workload}
    checkers: [stats]
    nemesis:
      - {{fault: partition, shape: random-halves, every: 200ms..400ms, for: 100ms..200ms}}
      - {{fault: kill, who: one, every: 300ms..500ms, for: 100ms..200ms}}
""", f"{workload}.yaml")
        runs = []
        for name in ("one", "two"):
            done = ordeal("run", campaign, "--out", self.path(workload + name))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            runs.append(self.workers(self.path(workload + name), "c-s9"))
        plan = json.loads(ordeal("plan", campaign, "--ops", "2000",
                                 "--json").stdout)["cells"][0]
        for worker, planned in enumerate(plan["workers"]):
            planned = [(op["f"], op.get("key"), op.get("value"))
                       for op in planned]
            for found, _ in runs:
                self.assertGreater(len(found[worker]), 10)
                self.assertEqual(found[worker], planned[:len(found[worker])])
        wanted = [fault["what"] for fault in plan["faults"]]
        for _, faults in runs:
            self.assertEqual(sorted(faults), sorted(wanted[:len(faults)]))
            self.assertGreaterEqual(len(faults), len(wanted) - 1)


if __name__ == "__main__":
    skip_without_sandbox()
    unittest.main()
