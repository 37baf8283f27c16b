"""The final heal, whatever state the nodes are in; and what comes after it:
everybody answers, somebody leads, or the verdict is liveness."""
import os
import unittest

from support import TARGETS, Case, ordeal, skip_without_sandbox

ANYTHING = ("    expect: {convergence: any, linearizable: any, stale: any, "
            "lost: any, availability: any}\n")


class Heal(Case):
    def run_it(self, code, keys="", target="TARGETS/stubborn", nodes=1,
               nemesis="{fault: pause, who: n1, at: 1ms, for: 100ms}"):
        campaign = self.campaign(f"""ordeal: 1
name: heal
defaults: {{settle: 2s}}
cells:
  - id: c
    target: {target}
    nodes: {nodes}
    clients: 2
    rate: 100
    time: 1s
    workload: register
    nemesis: [{nemesis}]
{keys}""")
        runs = self.path(f"runs{code}")
        done = ordeal("run", campaign, "--out", runs)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return self.result(runs, "c-s1"), done.stdout

    def target(self, lines):
        """The same, with other lines in its target.yaml."""
        with open(os.path.join(TARGETS, "stubborn/target.yaml"),
                  encoding="utf-8") as file:
            text = file.read().replace("{target}", TARGETS + "/stubborn")
        for old, new in lines.items():
            text = text.replace(old, new)
        os.makedirs(self.path("target"), exist_ok=True)
        with open(self.path("target", "target.yaml"), "w",
                  encoding="utf-8") as file:
            file.write(text)
        return self.path("target")

    def test_who_has_stopped_itself_is_woken(self):
        self.run_it(0, "    settings: {way: stops}\n" + ANYTHING)

    def test_who_is_wedged_stays_so_and_that_is_liveness(self):
        wedges = "    settings: {way: wedges}\n"
        result, _ = self.run_it(2, wedges)
        self.assertIn("was not ready within 2.0 s", result["reason"])
        result, out = self.run_it(0, wedges + "    expect: liveness\n")
        self.assertIn("as expected, liveness: node n1", result["reason"])
        self.assertEqual(result["expected_liveness"], "violation")
        self.assertIn("liveness: not there (expected)", out)

    def test_liveness_that_was_not_missed_is_an_unexpected_pass(self):
        result, _ = self.run_it(6, "    expect: {liveness: violation}\n")
        self.assertEqual(result["verdict"], "unexpected-pass")
        self.assertIn("it went on and recovered", result["reason"])

    def test_who_ended_is_started_for_the_final_reads(self):
        result, _ = self.run_it(1, "    settings: {way: exits}\n")
        self.assertIn("exited with status 3 by itself", result["reason"])
        self.assertIn("lost", result["reason"])  # it keeps nothing

    def test_somebody_must_lead(self):
        result, _ = self.run_it(2, target=self.target(
            {"client:": '  primary: ["false"]\nclient:'}))
        self.assertIn("no node said that it leads within 2.0 s",
                      result["reason"])
        self.run_it(0, target=self.target(
            {'["false"]': '["echo", "1"]', "client:": '  primary: ["echo", "1"]'
                                                      "\nclient:"}))

    def test_final_reads_must_be_answered(self):
        ready = '["python3", "' + TARGETS + '/stubborn/../toy/toy.py", "ready"'
        result, _ = self.run_it(
            2, "    settings: {way: wedges}\n    timeout: 200ms\n",
            target=self.target({ready + ', "{ip}"]': '["true"]'}))
        self.assertIn("final reads had no answer within 2.0 s",
                      result["reason"])

    def test_frozen_and_dead_nodes_are_healed_at_the_end(self):
        result, _ = self.run_it(0, ANYTHING + "    settle: 10s\n", nodes=3,
                                nemesis=(
            "{fault: pause, who: n1, at: 500ms}, "
            "{fault: kill, who: n2, at: 500ms}, "
            "{fault: partition, shape: clients, nodes: n3, at: 500ms}"))
        self.assertEqual([f["held"] for f in result["faults"]],
                         [True, True, False])


if __name__ == "__main__":
    skip_without_sandbox()
    unittest.main()
