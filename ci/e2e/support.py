"""What the end-to-end tests share: running ordeal, looking for leftovers."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
BIN = os.path.abspath(os.environ.get("ORD_BIN",
                                     os.path.join(SOURCE, "build/release/bin")))
ORDEAL = os.path.join(BIN, "ordeal")
TARGETS = os.path.join(HERE, "targets")
LONG = os.environ.get("ORD_LONG") == "1"


def ordeal(*args, **more):
    """Runs ordeal to its end; text in, text out."""
    more.setdefault("timeout", 120)
    return subprocess.run([ORDEAL, *args], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, **more)


class Case(unittest.TestCase):
    """A test with a folder of its own, that is gone afterwards."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="ordeal-e2e-")
        self.addCleanup(shutil.rmtree, self.dir, True)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def campaign(self, text, name="campaign.yaml"):
        """Writes a campaign file; TARGETS in it is the folder of ours."""
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text.replace("TARGETS", TARGETS))
        return path

    def cell(self, keys, nodes=3):
        """A campaign of one short cell on the target `empty`."""
        return self.campaign(f"""ordeal: 1
name: t
cells:
  - id: c
    target: TARGETS/empty
    nodes: {nodes}
    clients: 2
    rate: 200
    time: 700ms
    settle: 500ms
    workload: set
    checkers: [stats]
{keys}""")

    def run_cell(self, keys, *args, code=0, nodes=3):
        """Runs such a cell; returns its result.json and the process."""
        out = self.path("out")
        done = ordeal("run", self.cell(keys, nodes), "--out", out, *args)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return self.result(out, "c-s1"), done

    def result(self, *names):
        path = os.path.join(*names, "result.json")
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def history(self, *names):
        done = ordeal("export", os.path.join(*names), "--to", "jsonl")
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]


def skip_without_sandbox():
    """Ends the program, saying why, where no namespaces are to be had."""
    probe = subprocess.run([os.path.join(SOURCE, "ci/tests/sandbox")],
                           check=False)
    if probe.returncode != 0:
        sys.exit(probe.returncode)  # 77: skipped, for CTest too


def can_unshare(flags):
    """Not so in a chroot, nor where a container's root may not mount."""
    return subprocess.run(["unshare", flags, "true"], capture_output=True,
                          check=False).returncode == 0


def processes_with(marker):
    """Processes whose command line or environment names the marker."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read()
            with open(f"/proc/{pid}/environ", "rb") as file:
                line += file.read()
        except OSError:
            continue
        if marker.encode() in line and int(pid) != os.getpid():
            found.append((pid, line[:200]))
    return found


def namespaces():
    """Every network and pid namespace that some process is in."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for kind in ("net", "pid_for_children", "mnt"):
            try:
                found.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
            except OSError:
                continue
    return found


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return {line.split()[4] for line in file}


def interfaces():
    return set(os.listdir("/sys/class/net"))
