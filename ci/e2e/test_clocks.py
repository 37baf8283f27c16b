"""Programs that we did not write, under clocks of their own (clock-run): what
they show is off by what was asked for, and is right again afterwards.  Twice,
as root and as a plain user, where this is root."""
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest
import urllib.request

from support import BIN, Case

MS = 10**6
S = 10**9
HOUR = 3600 * S
PLAIN = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
JAVA = """
import java.io.*; import java.net.*; import java.time.*;
class T { public static void main(String[] a) throws Exception {
  ServerSocket s = new ServerSocket(Integer.parseInt(a[0]));
  for (;;) { Socket c = s.accept(); c.setTcpNoDelay(true);
    BufferedReader in = new BufferedReader(
      new InputStreamReader(c.getInputStream()));
    while (in.readLine() != null) {
      Instant i = Instant.now();
      if (a.length > 1) Thread.sleep(Long.parseLong(a[1]));
      c.getOutputStream().write((i.getEpochSecond() * 1000000000L + i.getNano()
        + "\\n").getBytes()); } } } }
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise unittest.SkipTest(f"no {program} here")


class Lines:
    """A connection that answers lines with lines."""

    def __init__(self, port, within=60):
        deadline = time.monotonic() + within
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), 30)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def ask(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.file.readline().decode().strip()

    def close(self):
        self.file.close()
        self.socket.close()


class Redis(Lines):
    def ask(self, line):
        head = super().ask(line)
        if head[0] == "*":
            return [self.bulk(self.file.readline()) for _ in
                    range(int(head[1:]))]
        return self.bulk(head.encode()) if head[0] == "$" else head

    def bulk(self, head):
        size = int(head[1:])
        return None if size < 0 else self.file.read(size + 2)[:-2].decode()

    def time_ns(self):
        seconds, micros = self.ask("TIME")
        return int(seconds) * S + int(micros) * 1000


class Clocks(Case):
    as_user = []

    def setUp(self):
        super().setUp()
        os.chmod(self.dir, 0o777)
        self.run = None

    def start(self, *argv):
        """Starts a program; its output goes to self.path("out")."""
        with open(self.path("out"), "wb") as out:
            self.run = subprocess.Popen(
                [*self.as_user, os.path.join(BIN, "clock-run"), *argv],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out,
                cwd=self.dir, text=True, bufsize=1)
        self.addCleanup(self.stop)
        self.tell("offset")  # or it says why not

    def stop(self):
        self.run.stdin.close()
        self.run.stdout.close()
        self.run.wait(30)

    def output(self):
        with open(self.path("out"), encoding="utf-8", errors="replace") as out:
            return out.read()

    def tell(self, *words):
        try:
            self.run.stdin.write(" ".join(map(str, words)) + "\n")
            answer = self.run.stdout.readline().strip()
        except BrokenPipeError:
            answer = ""
        if answer == "" and self.run.wait(10) == 77:
            raise unittest.SkipTest(self.output())
        self.assertNotIn(answer, ("", "what?"), self.output())
        return answer

    def error_ns(self, ask, skew_ns):
        """By how much the program's time is certainly off: the host's is read
        before and after; of a few tries, for others load this machine."""
        best = None
        for _ in range(20):
            before = time.time_ns()
            shown = ask() - skew_ns
            after = time.time_ns()
            off = before - shown if shown < before else max(0, shown - after)
            # TIME and the like cut off what is below a microsecond.
            best = off if best is None else min(best, off)
            width = after - before
            if width < MS and off < MS:
                return off
        self.assertLess(width, 100 * MS, "this machine is too busy to tell")
        return best

    def gained(self, ask):
        """Node's time minus the host's, by the quickest of some answers, and
        when that was."""
        answers = []
        for _ in range(50):
            before = time.time_ns()
            shown = ask()
            after = time.time_ns()
            answers.append((after - before, shown - (before + after) // 2,
                            after))
        return min(answers)[1:]

    def try_all(self, ask):
        """Jumps, a drift and back, a strobe, on a program that tells time."""
        self.assertLess(self.error_ns(ask, 0), MS)
        for skew in (1000 * S, -HOUR):
            self.tell("jump", skew)
            self.assertLess(self.error_ns(ask, skew), MS)
            self.tell("reset")
            self.assertLess(self.error_ns(ask, 0), MS)
        for rate in (100000, -50000):
            self.tell("drift", rate)
            first, begin = self.gained(ask)
            time.sleep(3)
            last, end = self.gained(ask)
            self.assertAlmostEqual((last - first) / (end - begin), rate / 1e6,
                                   delta=abs(rate) / 1e8)
            self.tell("reset")
            self.assertLess(self.error_ns(ask, 0), MS)
        self.tell("strobe", HOUR, 20 * MS)
        seen = {round((ask() - time.time_ns()) / HOUR) for _ in range(400)
                if time.sleep(0.001) is None}
        self.assertEqual(seen, {0, 1})
        self.tell("reset")
        self.assertLess(self.error_ns(ask, 0), MS)
        self.assertEqual(self.tell("blind"), "0")

    def test_redis(self):
        need("redis-server")
        port = free_port()
        self.start("redis-server", "--port", str(port), "--save", "")
        redis = Redis(port)
        self.addCleanup(redis.close)
        redis.ask("SET k v EX 100")
        redis.ask("SET stays v EX 5000")
        self.assertEqual(redis.ask("GET k"), "v")
        self.tell("jump", 1000 * S)
        self.assertIsNone(redis.ask("GET k"))
        self.assertEqual(redis.ask("GET stays"), "v")
        self.tell("reset")
        self.try_all(redis.time_ns)

    def test_etcd(self):
        """Static Go.  Its lease of 20 s ends after 2 s where the clocks run
        eleven times as fast, but not for a jump: it takes monotonic time."""
        need("etcd")
        client, peer = free_port(), free_port()
        self.start("sh", "-c", "sleep 1; exec etcd --data-dir data "
                   f"--listen-client-urls http://127.0.0.1:{client} "
                   f"--advertise-client-urls http://127.0.0.1:{client} "
                   f"--listen-peer-urls http://127.0.0.1:{peer} "
                   f"--initial-advertise-peer-urls http://127.0.0.1:{peer} "
                   f"--initial-cluster default=http://127.0.0.1:{peer}")

        def post(what, **body):
            # Not by HTTP's own time-outs: the server's clock is wrong.
            request = urllib.request.Request(
                f"http://127.0.0.1:{client}/v3/{what}",
                json.dumps(body).encode())
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)

        self.tell("jump", 24 * HOUR)
        Lines(client).close()
        deadline = time.monotonic() + 60
        while True:
            try:
                lease = post("lease/grant", TTL=20)["ID"]
                break
            except OSError:
                self.assertLess(time.monotonic(), deadline, self.output())
                time.sleep(0.1)
        day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))
        days = set(re.findall(r"\d{4}-\d\d-\d\d(?=[T ]\d\d:)", self.output()))
        self.assertEqual(days, {day}, "log lines have the node's date")
        post("kv/put", key="aw==", value="dg==", lease=lease)
        self.tell("jump", HOUR)
        time.sleep(1.5)
        self.assertIn("kvs", post("kv/range", key="aw=="))
        self.tell("drift", 10000000)
        begin = time.monotonic()
        while "kvs" in post("kv/range", key="aw=="):
            self.assertLess(time.monotonic() - begin, 15)
            time.sleep(0.1)
        self.tell("reset")

    def test_postgres(self):
        """Every backend, old and new; it refuses to be root."""
        found = glob.glob("/usr/lib/postgresql/*/bin")
        path = os.pathsep.join([os.environ.get("PATH", ""), *found])
        tools = [shutil.which(name, path=path)
                 for name in ("initdb", "postgres", "psql")]
        if None in tools:
            raise unittest.SkipTest("no postgres here")
        plain = PLAIN if os.geteuid() == 0 else []
        data = self.path("data")
        # HOME and the like of root are not for others.
        env = {"PATH": path, "HOME": self.dir, "LC_ALL": "C"}
        subprocess.run([*plain, tools[0], "-D", data, "-U", "o", "-A", "trust",
                        "-N"], check=True, capture_output=True, env=env,
                       cwd=self.dir, timeout=120)
        self.start(*(plain if not self.as_user else []), tools[1], "-D", data,
                   "-k", self.dir, "-c", "listen_addresses=", "-F")
        client = [*plain, tools[2], "-h", self.dir, "-U", "o", "-Atq",
                  "postgres"]
        query = ("select (extract(epoch from clock_timestamp())*1000000)"
                 "::bigint")

        def session():
            psql = subprocess.Popen(
                client, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True, bufsize=1, env=env,
                cwd=self.dir)

            def end():
                psql.stdin.close()
                psql.stdout.close()
                psql.wait(30)

            self.addCleanup(end)

            def ask():
                psql.stdin.write(query + ";\n")
                return int(psql.stdout.readline()) * 1000
            return ask

        deadline = time.monotonic() + 60
        while subprocess.run([*client, "-c", "select 1"], capture_output=True,
                             env=env, cwd=self.dir, timeout=60).returncode != 0:
            self.assertLess(time.monotonic(), deadline, self.output())
            time.sleep(0.1)
        old = session()
        self.try_all(old)
        self.tell("jump", HOUR)
        new = session()
        self.assertLess(self.error_ns(new, HOUR), MS)
        self.assertLess(self.error_ns(old, HOUR), MS)

    def test_java(self):
        need("java")
        with open(self.path("T.java"), "w", encoding="utf-8") as file:
            file.write(JAVA)
        port = free_port()
        self.start("java", "-XX:TieredStopAtLevel=1", self.path("T.java"),
                   str(port))
        java = Lines(port)
        self.addCleanup(java.close)
        self.try_all(lambda: int(java.ask("")))

    def test_java_sleeps_as_long_as_before(self):
        """Its waits have deadlines on the monotonic clock, which has gained."""
        need("java")
        with open(self.path("T.java"), "w", encoding="utf-8") as file:
            file.write(JAVA)
        port = free_port()
        self.start("java", "-XX:TieredStopAtLevel=1", self.path("T.java"),
                   str(port), "100")
        self.tell("step", 20 * S)
        java = Lines(port)
        self.addCleanup(java.close)
        java.ask("")
        begin = time.monotonic()
        java.ask("")
        self.assertGreater(time.monotonic() - begin, 0.099)
        self.assertLess(time.monotonic() - begin, 5)

    def test_shell(self):
        """Each `date` is another process."""
        self.start("sh", "-c", "while :; do date +%s%N; sleep 0.02; done")

        def last():
            size = len(self.output())
            while self.output()[size:].count("\n") < 2:
                time.sleep(0.01)
            return int(self.output().split("\n")[-2])

        for skew in (1000 * S, -HOUR):
            self.tell("jump", skew)
            off = last() - time.time_ns() - skew
            self.assertLess(off, 0)
            self.assertGreater(off, -2 * S)
            self.tell("reset")
            self.assertLess(abs(last() - time.time_ns()), 2 * S)

    def test_stopped_and_killed_in_the_middle(self):
        """SIGSTOP and SIGKILL at any moment of an exec; then all goes on."""
        self.start("sh", "-c", "while :; do date +%s%N; done")
        self.tell("jump", HOUR)
        group = int(self.output_of_children()[0])
        for i in range(60):
            os.killpg(group, signal.SIGSTOP)
            time.sleep(0.002 * (i % 5))
            size = len(self.output())
            time.sleep(0.01)
            self.assertLess(len(self.output()) - size, 40,
                            "it stands still but for what was under way")
            os.killpg(group, signal.SIGCONT)
            time.sleep(0.003 + 0.0007 * (i % 7))
        deadline = time.monotonic() + 20
        size = len(self.output())
        while len(self.output()) < size + 100:
            self.assertLess(time.monotonic(), deadline, "it goes on")
            time.sleep(0.05)
        self.assertEqual(self.tell("blind"), "0")
        for line in self.output().split("\n")[:-1][-3:]:
            self.assertGreater(int(line), time.time_ns() + HOUR - 30 * S)

    def output_of_children(self):
        """The program's pid: clock-run's child that is not its guard."""
        for _ in range(200):
            with open(f"/proc/{self.run.pid}/task/{self.run.pid}/children",
                      encoding="ascii") as file:
                pids = file.read().split()
            names = []
            for pid in pids:
                with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                    names.append((file.read().strip(), pid))
            found = [pid for name, pid in names if name in ("sh", "dash")]
            if found:
                return found
            time.sleep(0.02)
        self.fail("no program")

    def test_controller_dies(self):
        """kill -9: nothing of it stays."""
        mark = f"ordeal-clocks-{os.getpid()}-{time.time_ns()}"
        self.start("sh", "-c", f": {mark}; while :; do date >/dev/null; done")
        self.tell("jump", HOUR)
        os.kill(self.run.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while subprocess.run(["pgrep", "-f", mark], capture_output=True,
                             check=False).returncode == 0:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)


@unittest.skipUnless(os.geteuid() == 0, "this is a plain user already")
class ClocksAsUser(Clocks):
    as_user = PLAIN


if __name__ == "__main__":
    unittest.main(verbosity=2)
