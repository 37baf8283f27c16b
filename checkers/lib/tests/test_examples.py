#!/usr/bin/env python3
"""The examples work against the library as it is installed: headers, pkg-config
file and shared object, and nothing of the source tree."""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(HERE, "..", "examples")
BUILD = os.path.dirname(os.environ["ORD_LIB"])
SANITIZE = os.environ.get("ORD_SANITIZE", "")
GOOD = """{:type :invoke, :process 0, :f :write, :value 1}
{:type :ok, :process 0, :f :write, :value 1}
{:type :invoke, :process 1, :f :read, :value nil}
{:type :ok, :process 1, :f :read, :value %d}
"""


def run(*command, **kwargs):
    return subprocess.run(command, capture_output=True, text=True, check=False,
                          **kwargs)


def expect(done, code, text):
    told = done.stdout + done.stderr
    if done.returncode != code or text not in told:
        sys.exit(f"{done.args}: exit {done.returncode}, expected {code} with "
                 f"'{text}':\n{told}")


def python_environment(lib):
    """ASan must come first in a program that was built without it."""
    environment = dict(os.environ, ORDEAL_LIB=lib)
    if "address" in SANITIZE:
        compiler = os.environ["ORD_CC"]
        asan = run(compiler, "-print-file-name=libasan.so").stdout.strip()
        environment.update(LD_PRELOAD=asan, ASAN_OPTIONS="detect_leaks=0")
    return environment


def main():
    with tempfile.TemporaryDirectory() as folder:
        prefix = os.path.join(folder, "prefix")
        expect(run("cmake", "--install", BUILD, "--prefix", prefix), 0, "")
        found = [os.path.join(at, name) for at, _, names in os.walk(prefix)
                 for name in names]
        pc = next(f for f in found if f.endswith("ordeal.pc"))
        lib = next(f for f in found if f.endswith("libordeal.so.1"))
        good, bad = (os.path.join(folder, n) for n in ("good.edn", "bad.edn"))
        for path, value in ((good, 1), (bad, 2)):
            with open(path, "w", encoding="ascii") as file:
                file.write(GOOD % value)

        flags = run("pkg-config", "--cflags", "--libs", "ordeal", env=dict(
            os.environ, PKG_CONFIG_PATH=os.path.dirname(pc))).stdout.split()
        sanitize = [f"-fsanitize={SANITIZE}"] if SANITIZE else []
        program = os.path.join(folder, "check")
        expect(run(os.environ["ORD_CC"], "-Wall", "-Wextra", "-Werror",
                   os.path.join(EXAMPLES, "check.c"), *flags, *sanitize, "-o",
                   program), 0, "")
        environment = dict(os.environ, LD_LIBRARY_PATH=os.path.dirname(lib))
        expect(run(program, env=environment), 1, "read nil")
        expect(run(program, good, env=environment), 0, "linearizable")
        expect(run(program, bad, "linearizable", "register", env=environment),
               1, "read 2")
        expect(run(program, good, "nonsense", env=environment), 64,
               "no checker 'nonsense'")

        script = os.path.join(EXAMPLES, "check.py")
        environment = python_environment(lib)
        expect(run(sys.executable, script, bad, env=environment), 1, "read 2")
        expect(run(sys.executable, script, good, env=environment), 0, "")
        expect(run(sys.executable, script, folder + "/none", env=environment),
               64, "none")
        exported = run("nm", "-D", "--defined-only", lib).stdout
        for line in exported.splitlines():
            name = line.split()[-1]
            if not name.startswith(("ordeal_", "ORDEAL_1")):
                sys.exit(f"{name} is exported, too")
    print("the examples work against the installed library")


if __name__ == "__main__":
    if not shutil.which("pkg-config"):
        sys.exit(77)
    main()
