"""Disks that lose, fail, lie and are slow, under databases of other people;
nothing of them stays when a daemon or the controller dies."""
import glob
import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from support import (LONG, ORDEAL, SOURCE, Case, mounts, ordeal,
                     processes_with, skip_without_sandbox)

CAMPAIGN = os.path.join(SOURCE, "ci/campaigns/disk.yaml")

CELL = """ordeal: 1
name: t
cells:
  - id: c
    target: refdb
    nodes: 3
    clients: 3
    rate: 200
    time: TIME
    settle: 10s
    settings: {ack: quorum, read-from: leader}
    workload: set
    checkers: [lost, stats]
    nemesis: [FAULT]
"""

IN_FORCE = (
    "{fault: disk, kind: slow, op: 'read,write,fsync', delay: 50s, who: all, "
    "at: 100ms}",
    "{fault: disk, kind: eio, op: 'read,write,fsync', who: one, at: 100ms}",
    "{fault: disk, kind: power-cut, who: all, at: 100ms}",
)


def can_fuse():
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
        return True
    except OSError:
        return False


REDIS = """ordeal: 1
name: t
cells:
  - id: c
    target: redis
    nodes: 1
    clients: 2
    workload: set
    settings: {mode: replication, appendfsync: "SYNC"}
    rate: 200
    time: 2s
    timeout: 1s
    settle: 20s
    nemesis: [FAULT]
    checkers: [lost, stats]
    expect: {lost: EXPECT}
"""

# Where all was synced a power cut takes nothing, and a cell in which no fault
# took hold is vacuous: so the pause.
PAUSE = "{fault: pause, who: all, at: 500ms, for: 200ms}"
EXT4 = ("{fault: disk, kind: power-cut, backend: ext4, who: all, at: 1500ms, "
        "for: 300ms}")


def loops(marker):
    """The loop devices that lie on files of the run that the marker names."""
    found = []
    for path in glob.glob("/sys/block/loop*/loop/backing_file"):
        try:
            with open(path, encoding="utf-8") as file:
                if marker in file.read():
                    found.append(path)
        except OSError:
            pass  # detached in between
    return found


def daemons(marker):
    """The daemons of disks of the run that the marker names."""
    found = []
    for pid, _ in processes_with(marker):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                if file.read().strip() == "ordeal-disk":
                    found.append(int(pid))
        except OSError:
            pass
    return found


class Disk(Case):
    def test_campaign(self):
        """What a power cut takes, and what it does not; Redis and etcd are
        skipped, with the reason, where they are not installed."""
        if not can_fuse():
            self.skipTest("/dev/fuse may not be opened by this user")
        only = [] if LONG else ["--only", "[pflr]*"]
        done = ordeal("run", CAMPAIGN, "--out", self.path("out"), *only,
                      timeout=500)
        print(done.stdout, flush=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def start(self, fault):
        campaign = self.campaign(
            CELL.replace("FAULT", fault).replace("TIME", "60s"))
        return subprocess.Popen(
            [ORDEAL, "run", campaign, "--out", self.path("out")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def await_fault(self):
        ledger = self.path("out", "c-s1", "ledger.jsonl")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.05)
            if not os.path.exists(ledger):
                continue
            with open(ledger, encoding="utf-8") as file:
                if '"event":"injected"' in file.read():
                    return
        self.fail("the fault was never injected")

    def assert_gone(self, before):
        deadline = time.monotonic() + 5
        while processes_with(self.dir) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(processes_with(self.dir), [])
        self.assertEqual(mounts(), before)
        # The kernel ends a namespace, and detaches what was in it, by itself.
        while loops(self.dir) and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(loops(self.dir), [])

    def test_controller_killed(self):
        if not can_fuse():
            self.skipTest("/dev/fuse may not be opened by this user")
        before = mounts()
        for number, fault in enumerate(IN_FORCE):
            with self.subTest(fault=fault):
                run = self.start(fault)
                self.await_fault()
                time.sleep(0.3)
                self.assertEqual(len(daemons(self.dir)), 3)
                run.send_signal(signal.SIGKILL)
                run.communicate()
                self.assert_gone(before)
                os.rename(self.path("out"), self.path(f"out{number}"))

    def skip_without_ext4(self):
        done = ordeal("run", self.campaign(
            CELL.replace("FAULT", EXT4.replace("1500ms", "300ms"))
            .replace("TIME", "1s")),
                      "--out", self.path("probe"))
        if "backend ext4 needs" in done.stderr:
            self.skipTest(done.stderr.strip().splitlines()[-1])

    def test_ext4(self):
        """A real ext4, cut off by the kernel: what Redis did not sync is lost,
        the ledger says how much, what it did sync is there; neither a mount
        nor a loop device stays."""
        self.skip_without_ext4()
        if shutil.which("redis-server") is None:
            self.skipTest("redis-server is not installed")
        before = mounts()
        for sync, expect, told in (
                ("no", "violation", r"n1: \d+ changes undone, \d+ of them "
                 r"pages of \d+ bytes \(.*aof \d+ bytes"),
                ("always", "pass", r"n1: \d+ changes undone|"
                 r"n1: all was synced, nothing was there to lose")):
            with self.subTest(appendfsync=sync):
                out = self.path("redis-" + sync)
                done = ordeal("run", self.campaign(
                    REDIS.replace("FAULT", PAUSE + ", " + EXT4)
                    .replace("SYNC", sync).replace("EXPECT", expect)),
                              "--out", out)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                with open(os.path.join(out, "c-s1", "ledger.jsonl"),
                          encoding="utf-8") as file:
                    ledger = [json.loads(line) for line in file]
                self.assertRegex("\n".join(line["evidence"] for line in ledger
                                           if "evidence" in line), told)
                self.assert_gone(before)

    def test_ext4_says_why_not(self):
        """Before it starts: what it cannot do, and without root."""
        for fault, more, said in (
                (EXT4.replace("power-cut", "eio"), "", "can power-cut only"),
                (EXT4.replace("who: all", "who: all, keep: 30%"), "",
                 "keep, torn and model posix take fuse"),
                (EXT4, ", {fault: disk, kind: slow, at: 0ms}",
                 "there is one disk")):
            done = ordeal("run", self.campaign(
                CELL.replace("FAULT", fault + more).replace("TIME", "2s")),
                          "--out", self.path("out"))
            self.assertEqual(done.returncode, 64, done.stdout + done.stderr)
            self.assertIn(said, done.stderr)
        if os.geteuid() != 0:
            return
        os.chmod(self.dir, 0o777)
        done = subprocess.run(
            ["setpriv", "--reuid", "65534", "--regid", "65534",
             "--clear-groups", ORDEAL, "run", self.campaign(
                 CELL.replace("FAULT", EXT4).replace("TIME", "2s")),
             "--out", self.path("out")],
            capture_output=True, text=True, check=False, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("backend ext4 needs root", done.stderr)
        self.assertFalse(os.path.exists(self.path("out", "c-s1")))

    def test_ext4_controller_killed(self):
        self.skip_without_ext4()
        before = mounts()
        run = self.start(EXT4.replace("1500ms, for: 300ms", "100ms"))
        self.await_fault()
        self.assertEqual(len(loops(self.dir)), 3)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        self.assert_gone(before)

    def test_daemon_killed(self):
        if not can_fuse():
            self.skipTest("/dev/fuse may not be opened by this user")
        before = mounts()
        run = self.start(IN_FORCE[1])
        self.await_fault()
        os.kill(daemons(self.dir)[0], signal.SIGKILL)
        out = run.communicate(timeout=60)[0]
        self.assertEqual(run.returncode, 5, out)
        self.assertIn("disk is gone: its daemon died", out)
        self.assert_gone(before)

    def test_says_why_not(self):
        """Before it starts: a user who may not open /dev/fuse."""
        if os.geteuid() != 0 or (os.stat("/dev/fuse").st_mode & 0o006) != 0:
            self.skipTest("here every user may open /dev/fuse")
        os.chmod(self.dir, 0o777)
        campaign = self.campaign(
            CELL.replace("FAULT", IN_FORCE[0]).replace("TIME", "1s"))
        done = subprocess.run(
            ["setpriv", "--reuid", "65534", "--regid", "65534",
             "--clear-groups", ORDEAL, "run", campaign, "--out",
             self.path("out")],
            capture_output=True, text=True, check=False, timeout=60)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/dev/fuse may not be opened by this user", done.stderr)
        self.assertFalse(os.path.exists(self.path("out", "c-s1")))

    def test_evidence(self):
        """The ledger tells how many changes of which files were undone."""
        if not can_fuse():
            self.skipTest("/dev/fuse may not be opened by this user")
        fault = ("{fault: disk, kind: lying-fsync, who: all, at: 0ms}, "
                 "{fault: disk, kind: power-cut, who: all, at: 1s, for: 300ms}")
        campaign = self.campaign(CELL.replace("FAULT", fault)
                                 .replace("TIME", "2s")
                                 .replace("    nemesis", "    expect: "
                                          "{lost: violation}\n    nemesis"))
        done = ordeal("run", campaign, "--out", self.path("out"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with open(self.path("out", "c-s1", "ledger.jsonl"),
                  encoding="utf-8") as file:
            told = [json.loads(line) for line in file]
        told = [line["evidence"] for line in told if line["event"] == "held"]
        self.assertRegex(told[0], r"n1: \d+ changes undone, \d+ of them writes "
                         r"of \d+ bytes \(refdb.sqlite-wal \d+ bytes")
        self.assertRegex(told[1], r"\d+ of \d+ fsyncs said ok and made nothing")


if __name__ == "__main__":
    skip_without_sandbox()
    unittest.main(verbosity=2)
