"""All faults together on five nodes, then heal: the cluster converges, and the
harness leaks nothing.  Half a minute; ORD_LONG=1: ten, as the campaign says."""
import os
import subprocess
import time
import unittest

from support import (LONG, ORDEAL, SOURCE, Case, interfaces, mounts,
                     processes_with, skip_without_sandbox)

CAMPAIGN = os.path.join(SOURCE, "ci/campaigns/all-faults.yaml")
SECONDS = 600 if LONG else 25
# A cell's processes keep what they have learnt (ledger, measurements): memory
# may grow, but not without end.
GROWTH_MIB = 64
GROWTH_FILES = 8 if LONG else 24  # half a minute shows no leak, only work


def look_at(pid):
    """(name, open files, resident MiB) of a process; None: it is gone."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            name = file.read().strip()
        files = len(os.listdir(f"/proc/{pid}/fd"))
        with open(f"/proc/{pid}/statm", encoding="utf-8") as file:
            pages = int(file.read().split()[1])
        return name, files, pages * os.sysconf("SC_PAGESIZE") / (1 << 20)
    except (OSError, ValueError):
        return None


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def harness_of(pid):
    """The harness's own processes below pid: by pid, what they hold.  Those
    that come and go with nodes and probes are left out by who asks twice."""
    found, todo = {}, [pid]
    while todo:
        one = todo.pop()
        seen = look_at(one)
        if seen is None:
            continue
        if seen[0].startswith("ordeal"):
            found[one] = seen
        todo += children(one)
    return found


def shared_memory():
    return {name for name in os.listdir("/dev/shm") if "ordeal" in name}


def least(samples):
    """What each process held at its least: probes come and go."""
    found = {}
    for sample in samples:
        for pid, (name, files, memory) in sample.items():
            had = found.get(pid, (name, files, memory))
            found[pid] = (name, min(files, had[1]), min(memory, had[2]))
    return found


def everybody_below(pid):
    """(pid, when it was started) of all that descends from pid."""
    found, todo = set(), children(pid)
    while todo:
        one = todo.pop()
        todo += children(one)
        try:
            with open(f"/proc/{one}/stat", encoding="utf-8") as file:
                found.add((one, file.read().rpartition(")")[2].split()[19]))
        except OSError:
            continue
    return found


def alive(process):
    try:
        with open(f"/proc/{process[0]}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[19] == process[1]
    except OSError:
        return False


class AllFaults(Case):
    def test_it_converges_and_leaks_nothing(self):
        before = (interfaces(), mounts(), shared_memory())
        seen = set()
        run = subprocess.Popen(
            [ORDEAL, "run", CAMPAIGN, "--set", f"time={SECONDS}s", "--out",
             self.path("out")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        samples = []
        begin = time.monotonic()
        while run.poll() is None and time.monotonic() < begin + SECONDS - 3:
            time.sleep(1)
            samples.append(harness_of(run.pid))
            seen |= everybody_below(run.pid)
        out, _ = run.communicate(timeout=300)
        self.assertEqual(run.returncode, 0, out)
        third = len(samples) // 3
        self.look_at_growth(least(samples[2:third]), least(samples[-third:]))
        self.assertEqual(processes_with(self.dir), [])
        self.assertGreater(len(seen), 10)
        self.assertEqual([one for one in seen if alive(one)], [])
        after = (interfaces(), mounts(), shared_memory())
        for was, now in zip(before, after):
            self.assertEqual(now - was, set())
        self.look_at_result()

    def look_at_growth(self, early, late):
        stayed = early.keys() & late.keys()  # guards go with their nodes
        names = {early[pid][0] for pid in stayed}
        self.assertIn("ordeal", names)
        self.assertIn("ordeal-operator", names)
        for pid in stayed:
            name, files, memory = early[pid]
            _, files_late, memory_late = late[pid]
            print(f"{name}: {files} to {files_late} open files, "
                  f"{memory:.1f} to {memory_late:.1f} MiB")
            self.assertLessEqual(files_late, files + GROWTH_FILES, name)
            self.assertLessEqual(memory_late, memory + GROWTH_MIB, name)

    def look_at_result(self):
        result = self.result(self.path("out", "all-faults-s1"))
        self.assertEqual(result["verdict"], "pass")
        print(result["reason"])
        print("late:", result["lateness"])
        kinds = {kind["fault"]: kind for kind in result["exposure"]["faults"]}
        for kind in kinds.values():
            if LONG:
                self.assertGreater(kind["held"], 0, kind)
        self.assertGreater(result["exposure"]["share"], 0.2)
        # Loosely, for others may load the machine.
        self.assertLess(result["lateness"]["workers"]["p50_ms"], 50)
        self.assertLess(result["lateness"]["faults"]["p50_ms"], 500)


if __name__ == "__main__":
    skip_without_sandbox()
    unittest.main()
