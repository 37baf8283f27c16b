"""Swarm mode: what each seed leaves out and draws, as the plan tells it."""
import json
import unittest

from support import Case, ordeal

CELL = """ordeal: 1
name: t
cells:
  - id: c
    target: TARGETS/empty
    nodes: 5
    clients: 4
    rate: 400
    time: 5s
    seeds: 60
    workload: set
    checkers: [stats]
"""
FAULTS = """    nemesis:
      - {fault: partition, shape: [halves, bridge, one-way], every: 200ms..2s, for: 100ms..1s}
      - {fault: slow, delay: 1ms..500ms, every: 200ms..2s, for: 100ms..1s}
      - {fault: kill, who: [one, minority], every: 200ms..2s, for: 100ms..1s}
      - {fault: pause, every: 200ms..2s, for: 100ms..1s}
"""


class Swarm(Case):
    def plans(self, text):
        path = self.campaign(CELL + text)
        done = ordeal("plan", path, "--json", "--ops", "40")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout,
                         ordeal("plan", path, "--json", "--ops", "40").stdout)
        return json.loads(done.stdout)["cells"]

    def test_faults_and_operations_are_left_out(self):
        left_in, shapes, ops = [], set(), set()
        for cell in self.plans("    swarm: yes\n" + FAULTS):
            swarm = cell["swarm"]
            kept = {f["fault"] for f in swarm["faults"] if not f["left_out"]}
            left_in.append(len(kept))
            self.assertEqual({f["fault"] for f in cell["faults"]} - kept, set())
            shapes.add(swarm["faults"][0]["params"]["shape"])
            found = {op["f"] for worker in cell["workers"] for op in worker}
            self.assertIn("add", found)
            ops.add(swarm["operations"]["read"])
            if swarm["operations"]["read"] == "left out":
                self.assertNotIn("read", found)
        self.assertEqual(shapes, {"halves", "bridge", "one-way"})
        self.assertEqual(ops, {"left in", "left out"})
        self.assertEqual(min(left_in), 1)
        self.assertEqual(max(left_in), 4)

    def test_ranges_are_drawn_without_it_too(self):
        delays = set()
        for cell in self.plans(FAULTS):
            self.assertEqual([f["left_out"] for f in cell["swarm"]["faults"]],
                             [False] * 4)
            self.assertEqual(cell["swarm"]["operations"], {})
            delays.add(cell["swarm"]["faults"][1]["params"]["delay"])
        self.assertGreater(len(delays), 50)

    def test_each_may_be_chosen_alone(self):
        for cell in self.plans("    swarm: {operations: yes}\n" + FAULTS):
            self.assertTrue(all(not f["left_out"]
                                for f in cell["swarm"]["faults"]))
            self.assertIn("read", cell["swarm"]["operations"])

    def test_what_could_be_drawn_is_checked_for_all_seeds_at_once(self):
        for entry, says in (
                ("{fault: kill, who: [one, nobody], at: 1s}", "nobody"),
                ("{fault: slow, delay: 1ms..10h, at: 1s}", "delay"),
                ("{fault: kill, who: [], at: 1s}", "list")):
            path = self.campaign(CELL + f"    nemesis:\n      - {entry}\n")
            done = ordeal("plan", path)
            self.assertEqual(done.returncode, 64, done.stdout[:300])
            self.assertIn("campaign.yaml:14", done.stderr)
            self.assertIn(says, done.stderr)


if __name__ == "__main__":
    unittest.main()
