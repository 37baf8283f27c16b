"""Bad input: one clear sentence, the right exit code, nothing left behind."""
import os
import subprocess
import time
import unittest

from support import (BIN, ORDEAL, Case, can_unshare, ordeal, processes_with,
                     skip_without_sandbox)

CELL = """ordeal: 1
name: t
cells:
  - id: c
    target: TARGETS/empty
    workload: set
"""


class CampaignFile(Case):
    """Each row: the file's text, and what the complaint must say."""

    rows = [
        (CELL + "    tiem: 5s\n", ["campaign.yaml:7:", "unknown key 'tiem'"]),
        (CELL + "    time: soon\n", ["campaign.yaml:7:", "'soon' is no duration"]),
        (CELL + "    nodes: 65\n", ["campaign.yaml:7:", "not between 1 and 64"]),
        (CELL + "    nodes: [1]\n", ["campaign.yaml:7:", "whole number"]),
        (CELL + "    settings: {wya: die}\n",
         ["campaign.yaml:7:", "no setting 'wya'"]),
        (CELL + "    settings: {way: dye}\n",
         ["campaign.yaml:7:", "'dye' is not one of: good, die"]),
        (CELL + "    expect: {lots: pass}\n",
         ["campaign.yaml:7:", "'lots' does not run"]),
        (CELL + "    expect: {lost: maybe}\n",
         ["campaign.yaml:7:", "pass, violation"]),
        (CELL + "    checkers: [lots]\n", ["campaign.yaml:7:", "'lots'"]),
        (CELL + "    nemesis: [{fault: fire, at: 1s}]\n",
         ["campaign.yaml:7:", "no fault 'fire'"]),
        (CELL + "    nemesis: [{fault: kill, who: me, at: 1s}]\n",
         ["campaign.yaml:7:", "who"]),
        (CELL + "    nemesis: [{fault: kill, who: that node, at: 1s}]\n",
         ["campaign.yaml:7:", "log, op or leader-change"]),
        (CELL + "    nemesis: [{fault: kill, on: {log: '['}}]\n",
         ["campaign.yaml:7:", "regular expression"]),
        (CELL + "    nemesis: [{fault: kill, whom: n1, at: 1s}]\n",
         ["campaign.yaml:7:", "whom"]),
        (CELL + "    nemesis: [{fault: kill}]\n",
         ["campaign.yaml:7:", "say when"]),
        (CELL + "    swarm: maybe\n", ["campaign.yaml:7:", "yes, no"]),
        (CELL + "    swarm: {fault: yes}\n",
         ["campaign.yaml:7:", "unknown key 'fault'"]),
        (CELL + "    keep-majority: yes\n    nodes: 2\n",
         ["campaign.yaml:4:", "3 nodes or more"]),
        (CELL + "    away-max: 0\n", ["campaign.yaml:7:", "between 1 and 64"]),
        (CELL + "    nodes: 3\n    start-with: 4\n",
         ["campaign.yaml:4:", "at most 3, the number of nodes"]),
        (CELL + "    nemesis: [{fault: member, at: 1s}]\n",
         ["campaign.yaml:7:", "no `membership`"]),
        (CELL + "    workload: sets\n", ["campaign.yaml:7:", "twice"]),
        (CELL.replace(": set", ": sets"), ["campaign.yaml:6:", "'sets'"]),
        (CELL.replace("TARGETS/empty", "nosuch"),
         ["campaign.yaml:5:", "nosuch"]),
        (CELL.replace("ordeal: 1", "ordeal: 2"), ["campaign.yaml:1:"]),
        (CELL.replace("name: t\n", ""), ["campaign.yaml:1:", "'name'"]),
        ("ordeal: 1\nname: t\ncells: []\n", ["campaign.yaml:3:"]),
        ("ordeal: [1\n", ["campaign.yaml:"]),
        ("", ["campaign.yaml:1:", "empty"]),
    ]

    def test_rows(self):
        for text, wanted in self.rows:
            with self.subTest(text=text):
                done = ordeal("run", self.campaign(text), "--out",
                              self.path("out"))
                self.assertEqual(done.returncode, 64, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                for words in wanted:
                    self.assertIn(words, done.stderr)
                self.assertFalse(os.path.exists(self.path("out")))

    def test_missing_file(self):
        done = ordeal("run", self.path("none.yaml"))
        self.assertIn("none.yaml", done.stderr)
        self.assertIn("No such file", done.stderr)
        self.assertNotEqual(done.returncode, 0)

    def test_command_line(self):
        for args in (["run"], ["run", "a", "b"], ["run", "--nope", "x"],
                     ["run", "--seed", "x", "y"], ["judge"], [],
                     ["check"], ["check", "--checker", "nope", "x"],
                     ["list", "dreams"], ["run", "--shard", "3/2", "x"]):
            with self.subTest(args=args):
                self.assertEqual(ordeal(*args).returncode, 64)


    def test_options_of_checkers(self):
        path = self.path("h.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write("1 inv write 1\n1 ok write 1\n2 inv read\n2 ok read 1\n")
        for checker, option in (("k-atomicity", "k=x"), ("k-atomicity", "k=0"),
                                ("causal", "level=x"), ("stale", "k=2"),
                                ("linearizable", "strict=x")):
            with self.subTest(option=option):
                done = ordeal("check", path, "--checker", checker, "--set",
                              option)
                self.assertEqual(done.returncode, 64, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_no_runs_yet(self):
        done = ordeal("list", "runs", self.path("nosuch"))
        self.assertEqual(done.returncode, 5)
        self.assertIn("there is no folder", done.stderr)


class CutHistory(Case):
    def test_cut_while_it_is_read(self):
        """Somebody truncates the file at any moment: never a crash."""
        path = self.path("h.ordeal")
        done = ordeal("generate", "--workload", "cas-register", "--ops",
                      "200000", "-o", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(path, "rb") as file:
            whole = file.read()
        ends = set()
        for i in range(24):
            with open(path, "r+b") as file:
                file.write(whole)
            check = subprocess.Popen(
                [ORDEAL, "check", path, "--checker", "linearizable"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            time.sleep(0.02 * i)
            os.truncate(path, 4096)
            out, err = check.communicate(timeout=60)
            ends.add(check.returncode)
            self.assertIn(check.returncode, (0, 1, 3, 5, 64), err)
            if check.returncode in (5, 64):
                self.assertEqual(len(err.splitlines()), 1, err)
        self.assertIn(0, ends, "some were done before")


class Clients(Case):
    """A client that misbehaves costs its operation, never the run."""

    def bad(self, way, *more):
        args = ", ".join(f'"{word}"' for word in (way, *more))
        return f'    client: ["{BIN}/ordeal-bad-client", {args}]\n'

    def test_each_way(self):
        for way, words in (("hang", "did not answer"),
                           ("exit", "exited with status"),
                           ("garbage", "no JSON"),
                           ("long", "line of over 1 MiB"),
                           ("twice", "answered"),
                           ("wrong-id", "it was given"),
                           ("bad-type", "bad 'type'")):
            with self.subTest(way=way):
                self.setUp()
                result, done = self.run_cell(self.bad(way, "20"))
                told = [p["what"] for p in result["problems"]]
                self.assertTrue(any(words in text for text in told), told)
                self.assertEqual(result["verdict"], "pass")
                self.assertIn("note: client", done.stdout)
                ends = {}
                for op in self.history(self.path("out", "c-s1")):
                    ends.setdefault(op["process"], []).append(op["type"])
                for process, types in ends.items():
                    # Nothing follows an info of the same process.
                    self.assertNotIn("info", types[:-1], process)

    def test_never_good(self):
        for way in ("exit", "garbage"):
            with self.subTest(way=way):
                self.setUp()
                result, _ = self.run_cell(self.bad(way, "0"), code=5)
                self.assertIn("no operation succeeded", result["reason"])

    def test_dies_at_start(self):
        result, _ = self.run_cell(self.bad("die-at-start"), code=5)
        self.assertIn("3 times in a row", result["reason"])

    def test_not_there(self):
        result, _ = self.run_cell('    client: ["/nowhere/client"]\n', code=5)
        self.assertIn("/nowhere/client", result["reason"])


class Nodes(Case):
    """Nodes that die, never come up, are not there, or talk too much."""

    def test_dies_at_once(self):
        result, _ = self.run_cell("    settings: {way: die}\n", code=2)
        self.assertIn("exited with status 7", result["reason"])
        self.assertIn("cannot find my data", result["reason"])

    def test_never_ready(self):
        result, _ = self.run_cell("    settings: {way: slow}\n", code=2)
        self.assertIn("not ready within 3.0 s", result["reason"])
        self.assertRegex(result["reason"], "'ready' was asked [0-9]+ times, at "
                         "last it exited with status 1, saying: still loading")
        # Why is said once, and not that nothing could be judged then.
        self.assertNotIn("operations succeeded", result["reason"])

    def test_daemonises(self):
        result, _ = self.run_cell("    settings: {way: daemon}\n", code=2)
        self.assertIn("stay in the foreground", result["reason"])

    def target(self, ready):
        """A target whose `ready` is this; its nodes only sleep."""
        os.mkdir(self.path("mine"))
        with open(self.path("mine", "target.yaml"), "w", encoding="utf-8") as f:
            f.write("ordeal: 1\nname: mine\nnode:\n  start: [sleep, '600']\n"
                    f"  ready: {ready}\n  ready_within: 30s\n"
                    "client: ['{bin}/ordeal-null-client']\nworkloads: [set]\n")
        return ordeal("run", self.campaign(
            CELL.replace("TARGETS/empty", "./mine") +
            "    checkers: [stats]\n    time: 300ms\n    settle: 30s\n"),
            "--out", self.path("out"))

    def test_a_slow_probe_gets_more_time(self):
        """As on a busy machine, where an interpreter's start takes long."""
        done = self.target("[sleep, '1.2']")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_missing_probe(self):
        done = self.target("[/nowhere/probe]")
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        self.assertIn("'ready' in target.yaml: cannot run /nowhere/probe",
                      done.stdout)

    def test_fills_its_log(self):
        result, _ = self.run_cell("    settings: {way: chatty}\n", "--set",
                                  "time=5s", nodes=1)
        log = self.path("out", "c-s1", "nodes", "n1.log")
        self.assertLessEqual(os.path.getsize(log), 65 << 20)
        told = [p["what"] for p in result["problems"]]
        self.assertTrue(any("filled its log" in text for text in told), told)

    def test_missing_binary(self):
        os.mkdir(self.path("mine"))
        with open(self.path("mine", "target.yaml"), "w", encoding="utf-8") as f:
            f.write("ordeal: 1\nname: mine\nnode: {start: [/nowhere/db]}\n"
                    "client: ['{bin}/ordeal-null-client']\nworkloads: [set]\n")
        done = ordeal("run", self.campaign(
            CELL.replace("TARGETS/empty", "./mine")), "--out", self.path("out"))
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("/nowhere/db", done.stdout)

    def test_missing_need_is_skipped(self):
        os.mkdir(self.path("mine"))
        with open(self.path("mine", "target.yaml"), "w", encoding="utf-8") as f:
            f.write("ordeal: 1\nname: mine\nneeds: [nosuchdb]\n"
                    "node: {start: [nosuchdb]}\n"
                    "client: ['{bin}/ordeal-null-client']\nworkloads: [set]\n")
        done = ordeal("run", self.campaign(
            CELL.replace("TARGETS/empty", "./mine")), "--out", self.path("out"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("nosuchdb", done.stdout + done.stderr)


class Machine(Case):
    """The machine says no: full disk, no namespaces."""

    @unittest.skipUnless(can_unshare("-rm"), "no file system of our own here")
    def test_full_disk(self):
        os.mkdir(self.path("small"))
        inside = self.path("small", "out")
        script = ('mount -t tmpfs -o size=1m none "$4" && '
                  '"$1" run "$2" --out "$3" --set rate=0 --set time=20s; '
                  'code=$?; "$1" check "$3/c-s1" >&2; exit $code')
        done = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh",
                               ORDEAL, self.cell("", 1), inside,
                               self.path("small")],
                              capture_output=True, text=True, timeout=120,
                              check=False)
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        self.assertIn("No space left", done.stdout + done.stderr)

    @unittest.skipUnless(can_unshare("-r"), "no user namespace here")
    def test_no_namespaces(self):
        script = ("echo 0 > /proc/sys/user/max_net_namespaces && "
                  'exec "$1" run "$2" --out "$3"')
        done = subprocess.run(["unshare", "-r", "sh", "-c", script, "sh",
                               ORDEAL, self.cell(""), self.path("out")],
                              capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("namespaces", done.stderr)
        self.assertFalse(os.path.exists(self.path("out")))

    def tearDown(self):
        time.sleep(0.3)
        self.assertEqual(processes_with(self.dir), [])


if __name__ == "__main__":
    skip_without_sandbox()
    unittest.main()
