"""A cell whose faults did not bite, or bit nobody, has tested nothing."""
import json
import unittest

from support import Case, ordeal, skip_without_sandbox

CALM = "    clients: 1\n    rate: 2\n    time: 3s\n"


class Vacuity(Case):
    def run_it(self, keys, code):
        text = f"""ordeal: 1
name: t
defaults: {{clients: 2, rate: 200, time: 1s}}
cells:
  - id: c
    target: TARGETS/empty
    nodes: 3
    workload: set
    checkers: [stats]
{keys}"""
        out = self.path(f"out{code}")
        done = ordeal("run", self.campaign(text), "--out", out)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return self.result(out, "c-s1"), done.stdout

    def test_what_took_hold_and_was_met_is_told(self):
        result, out = self.run_it(
            "    nemesis:\n"
            "      - {fault: pause, who: n1, at: 100ms, for: 300ms}\n"
            "      - {fault: pause, who: n1, at: 200ms, for: 100ms}\n"
            "      - {fault: kill, who: n2, on: {ops: 1000000}}\n", 0)
        exposure = result["exposure"]
        pause, kill = sorted(exposure["faults"], key=lambda kind: kind["held"],
                             reverse=True)
        self.assertEqual((pause["asked"], pause["tried"], pause["held"],
                          pause["not_begun"]), (2, 1, 1, 1))
        self.assertEqual((kill["asked"], kill["tried"]), (1, 0))
        self.assertGreater(exposure["met"], 20)
        self.assertLess(exposure["share"], 0.6)
        self.assertEqual(result["faults"][0]["operations"], exposure["met"])
        self.assertEqual(result["faults"][1]["not_begun"], "n1 is frozen")
        self.assertIn("kill never did", result["reason"])
        self.assertIn("1/3 held, met by", out)

    def test_no_fault_that_bites_is_vacuous(self):
        result, _ = self.run_it(
            "    nemesis: [{fault: packet, bytes: 900MiB, at: 100ms, "
            "for: 300ms}]\n", 4)
        self.assertEqual(result["verdict"], "vacuous")
        self.assertIn("no fault took hold (1 planned; packet", result["reason"])

    def test_nor_one_that_nobody_met(self):
        """In the longest pause between the few operations of this seed."""
        plan = self.campaign(f"ordeal: 1\nname: t\ncells:\n  - id: c\n"
                             f"    target: TARGETS/empty\n{CALM}"
                             "    workload: set\n", "plan.yaml")
        cell = json.loads(ordeal("plan", plan, "--json").stdout)["cells"][0]
        times = [op["at_ns"] // 10**6 for op in cell["workers"][0]] + [3000]
        length, end = max((b - a, b) for a, b in zip(times, times[1:]))
        self.assertGreater(length, 200)
        result, _ = self.run_it(
            CALM + f"    nemesis: [{{fault: pause, at: {end - length // 2}ms, "
            "for: 20ms}]\n", 4)
        self.assertIn("operations met a fault, though 1 took hold",
                      result["reason"])
        self.assertTrue(result["faults"][0]["held"])


if __name__ == "__main__":
    skip_without_sandbox()
    unittest.main()
