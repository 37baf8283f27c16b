"""`ordeal new-target`: the folder runs as it is, with either client."""
import os
import shutil
import subprocess
import unittest

from support import Case, ordeal, skip_without_sandbox


class NewTarget(Case):
    def new(self, name="mydb"):
        folder = self.path(name)
        done = ordeal("new-target", name, "-o", folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("campaign.yaml", done.stdout)
        return folder

    def run_it(self, folder, out):
        done = ordeal("run", os.path.join(folder, "campaign.yaml"),
                      "--out", self.path(out))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return self.result(self.path(out))

    def test_it_runs_as_it_is(self):
        folder = self.new()
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                self.assertNotIn("NAME", file.read(), name)
        found = self.run_it(folder, "python")
        self.assertEqual([c["verdict"] for c in found["cells"]],
                         ["pass", "pass"])

    def test_it_runs_with_the_client_in_c(self):
        folder = self.new()
        build = subprocess.run(
            ["cc", "-Wall", "-Wextra", "-Werror", "-O2", "-o",
             os.path.join(folder, "client"), os.path.join(folder, "client.c"),
             "-ljansson"], capture_output=True, text=True, check=False)
        self.assertEqual(build.returncode, 0, build.stderr)
        path = os.path.join(folder, "target.yaml")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        old = 'client: [python3, "{target}/client.py"]\n'
        self.assertIn(old, text)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace(old, 'client: ["{target}/client"]\n'))
        self.run_it(folder, "c")

    def test_a_server_that_forgets_is_caught(self):
        """The template is no decoration: break it, and it is told."""
        folder = self.new()
        path = os.path.join(folder, "server.py")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn('open(path, "a+b")', text)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace('open(path, "a+b")', 'open(path, "w+b")'))
        done = ordeal("run", os.path.join(folder, "campaign.yaml"), "--only",
                      "faults", "--out", self.path("broken"))
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)

    def test_a_client_that_says_fail_for_a_timeout_is_caught(self):
        """The mistake that everybody makes: the campaign provokes it."""
        folder = self.new()
        path = os.path.join(folder, "client.py")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertIn('else "info"', text)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace('else "info"', 'else "fail"'))
        for seed in range(1, 6):  # each gives it another chance to be seen
            done = ordeal("run", os.path.join(folder, "campaign.yaml"),
                          "--only", "faults", "--seed", str(seed), "--out",
                          self.path(f"fail{seed}"))
            if done.returncode != 0:
                break
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)

    def test_a_wrong_port_is_named(self):
        folder = self.new()
        path = os.path.join(folder, "client.py")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("PORT = 7000", "PORT = 7001"))
        done = ordeal("run", os.path.join(folder, "campaign.yaml"), "--only",
                      "calm", "--out", self.path("port"))
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertIn("10.77.0.11:7001: ", done.stdout)

    def test_bad_arguments(self):
        folder = self.new()
        for args, said in ((("mydb", "-o", folder), "exists"),
                           (("My DB",), "small letter"), ((), "NAME"),
                           (("a", "b"), "NAME"), (("a", "--bad"), "option")):
            done = ordeal("new-target", *args)
            self.assertEqual(done.returncode, 64, args)
            self.assertIn(said, done.stderr)
        shutil.rmtree(folder)


if __name__ == "__main__":
    skip_without_sandbox()
    unittest.main()
