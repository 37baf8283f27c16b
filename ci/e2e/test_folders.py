"""Folders of runs: whose they are, what is said of them, what is kept."""
import json
import os
import subprocess
import unittest

from support import ORDEAL, Case, ordeal, skip_without_sandbox


class Folders(Case):
    def setUp(self):
        super().setUp()
        self.out = self.path("out")
        self.file = self.cell("    seeds: 2\n")
        done = ordeal("run", self.file, "--out", self.out)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)

    def test_a_campaigns_folder_is_explained(self):
        for command in ("check", "show"):
            done = ordeal(command, self.out)
            self.assertEqual(done.returncode, 64)
            self.assertIn("c-s1", done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)
        done = ordeal("check", self.path())
        self.assertEqual(done.returncode, 64)
        self.assertIn("holds no history", done.stderr)

    def test_both_reports_are_written_again(self):
        for folder in (self.out, os.path.join(self.out, "c-s2")):
            page = os.path.join(folder, "report.html")
            os.remove(page)
            done = ordeal("report", folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout.strip(), page)
            self.assertGreater(os.path.getsize(page), 1000)
        self.assertEqual(ordeal("report", self.path()).returncode, 64)

    def test_another_runs_folder_is_refused(self):
        done = ordeal("run", self.file, "--out", self.out)
        self.assertEqual(done.returncode, 64)
        self.assertIn("--resume", done.stderr)
        os.remove(os.path.join(self.out, "result.json"))
        self.assertEqual(ordeal("run", self.file, "--out",
                                self.out).returncode, 64)

    def stamps(self):
        return {name: os.stat(os.path.join(self.out, name, "history.ordeal"))
                .st_mtime_ns for name in ("c-s1", "c-s2")}

    def test_resume_keeps_what_was_planned_alike(self):
        before = self.stamps()
        os.remove(os.path.join(self.out, "c-s2", "result.json"))
        done = ordeal("run", self.file, "--out", self.out, "--resume")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.stamps()["c-s1"], before["c-s1"])
        self.assertNotEqual(self.stamps()["c-s2"], before["c-s2"])
        ordeal("run", self.file, "--out", self.out, "--resume", "--set",
               "time=100ms")
        self.assertNotEqual(self.stamps()["c-s1"], before["c-s1"])
        self.assertEqual(ordeal("run", self.file, "--resume").returncode, 64)

    def test_relative_folders_are_not_nested(self):
        done = subprocess.run([ORDEAL, "run", self.file, "--out", "near ü"],
                              cwd=self.path(), capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("near ü/report.html", done.stdout)
        self.assertFalse(os.path.exists(self.path("near ü", "c-s1", "nodes",
                                                  "n1", "near ü")))


class Outputs(Case):
    def test_a_closed_pipe_is_no_error(self):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([ORDEAL, "plan", self.cell("")], stdout=write,
                              stderr=subprocess.PIPE, check=False)
        os.close(write)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_a_full_disk_is_one(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([ORDEAL, "plan", self.cell("")], stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 5)
        self.assertIn(b"standard output", done.stderr)

    def test_closed_outputs_do_not_become_files(self):
        out = self.path("out")
        done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh",
                               ORDEAL, "run", self.cell(""),
                               "--out", out], check=False)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(ordeal("check", os.path.join(out, "c-s1"))
                         .returncode, 0)
        self.assertEqual(self.result(out)["verdict"], "pass")

    def test_json_stands_alone(self):
        done = ordeal("run", self.cell(""), "--json", "--out",
                      self.path("out"))
        self.assertEqual(json.loads(done.stdout)["kind"], "campaign")

    def test_cells_that_did_not_run_are_listed(self):
        done = ordeal("run", self.cell("    seeds: 6\n    "
                                       "settings: {way: die}\n"),
                      "--out", self.path("out"), "--parallel", "1",
                      "--fail-fast", "2", "--json")
        verdicts = [c["verdict"] for c in json.loads(done.stdout)["cells"]]
        self.assertEqual(verdicts.count("skipped"), 4, verdicts)
        self.assertIn("4 of the cells were not run", done.stderr)
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    skip_without_sandbox()
    unittest.main()
