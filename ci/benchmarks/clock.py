"""clock.py BIN: what a clock read costs in a program under a clock of its own
(harness/clock), beside one that has the host's; in one and in two threads.
The least of some runs, each way in turn.  Prints `name value unit goal`."""
import os
import subprocess
import sys

RUNS = 7
BIN = os.path.abspath(sys.argv[1])
WAYS = {"host": [], "fast": ["clock-run"], "slow": ["clock-run", "--slow"]}


def cost(way, threads):
    """ns a read, as the program itself says; clock-run wants its stdin open."""
    argv = [*WAYS[way], os.path.join(BIN, "clock-reader"), f"cost={threads}"]
    argv[0] = os.path.join(BIN, argv[0])
    with subprocess.Popen(argv, stdin=subprocess.PIPE, text=True,
                          stdout=subprocess.PIPE if way == "host" else
                          subprocess.DEVNULL,
                          stderr=subprocess.PIPE) as run:
        out = run.stdout if way == "host" else run.stderr
        line = out.readline()
        run.stdin.close()
    if run.returncode == 77:
        print(f"clocks of nodes cannot be here: {line}", end="")
        sys.exit(0)
    return float(line)


for threads in (1, 2):
    best = {}
    for _ in range(RUNS):
        for way in WAYS:
            best[way] = min(cost(way, threads), best.get(way, 1e9))
    for way, ns in best.items():
        print(f"clock_read_{way}_{threads} {ns:.1f} ns -")
    print(f"clock_read_fast_ratio_{threads} "
          f"{best['fast'] / best['host']:.2f} x <=2")
    print(f"clock_read_slow_ratio_{threads} "
          f"{best['slow'] / best['host']:.2f} x -")
