#!/usr/bin/env python3
"""readme_commands -- every command of every README is run, in a copy.

A command is a line of a fenced `sh` block; a here document goes to the end of
its block's script.  `# exit N` at the end of a line says which exit code is
right, 0 if it is not said.  Commands that build everything are run elsewhere:
see ELSEWHERE.  ORD_BUILD_DIR is the build tree that plays build/release.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
TIMEOUT_S = 240
BLOCKS_MIN = 6  # fewer: this looked at nothing

# Command -> who runs it.
ELSEWHERE = {
    "ci/demo": "the test ci_demo",
    "ci/test": "whoever runs this test",
    "ci/check": "ci/test does all that it does",
    ".ci/run": "calls ci/test",
    "ci/style": "ci/test",
    "ci/style --self-test": "the test ci_style_self_test",
}


def blocks(path):
    """(line number, text) of each fenced sh block."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for match in re.finditer(r"^```sh\n(.*?)^```$", text, re.M | re.S):
        yield text.count("\n", 0, match.start()) + 2, match.group(1)


def commands(block):
    """(offset, command, exit code); a here document stays in one piece."""
    lines = block.split("\n")
    at = 0
    while at < len(lines):
        first = at
        line = lines[at]
        here = re.search(r"<<'?(\w+)'?", line)
        while line.endswith("\\") and at + 1 < len(lines):
            at += 1
            line += "\n" + lines[at]
        if here:
            while at + 1 < len(lines) and lines[at] != here.group(1):
                at += 1
                line += "\n" + lines[at]
        code = re.search(r"# exit (\d+)$", line)
        if line.strip() and not line.lstrip().startswith("#"):
            yield first, line, int(code.group(1)) if code else 0
        at += 1


def dead_links(path):
    """Relative links of a page that lead nowhere."""
    with open(path, encoding="utf-8") as file:
        for target in re.findall(r"\]\(([^)#:]+)\)", file.read()):
            if not os.path.exists(os.path.join(os.path.dirname(path), target)):
                yield target


def copy_tree(to):
    """What git has, as files, without its history."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders
                      if f not in ("build", "runs", ".git", ".cache",
                                   "__pycache__")]
        inner = os.path.join(to, os.path.relpath(folder, ROOT))
        os.makedirs(inner, exist_ok=True)
        for name in names:
            shutil.copy2(os.path.join(folder, name), inner)


def run(command, where, env):
    try:
        done = subprocess.run(["bash", "-c", command], cwd=where, env=env,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=TIMEOUT_S,
                              check=False)
    except subprocess.TimeoutExpired:
        return None, f"no end within {TIMEOUT_S} s"
    return done.returncode, done.stdout[-3000:] + done.stderr[-3000:]


def main():
    # Nearly every command starts nodes.
    probe = subprocess.run([os.path.join(ROOT, "ci", "tests", "sandbox")],
                           check=False)
    if probe.returncode != 0:
        return probe.returncode
    build = os.environ.get("ORD_BUILD_DIR",
                           os.path.join(ROOT, "build", "release"))
    seen = failed = 0
    with tempfile.TemporaryDirectory(prefix="ordeal-readme-") as scratch:
        copy_tree(scratch)
        os.makedirs(os.path.join(scratch, "build"))
        os.makedirs(os.path.join(scratch, "home"))
        os.symlink(build, os.path.join(scratch, "build", "release"))
        env = dict(os.environ, HOME=os.path.join(scratch, "home"))
        for folder, _, names in sorted(os.walk(scratch)):
            inner = os.path.relpath(folder, scratch) + os.sep
            if "README.md" not in names or inner.startswith("build" + os.sep):
                continue
            path = os.path.join(folder, "README.md")
            name = os.path.relpath(path, scratch)
            for link in dead_links(path):
                failed += 1
                print(f"FAILED: {name}: the link to {link} leads nowhere")
            for line, block in blocks(path):
                seen += 1
                for offset, command, want in commands(block):
                    what = f"{name}:{line + offset}: {command.splitlines()[0]}"
                    if command in ELSEWHERE:
                        print(f"elsewhere: {what} ({ELSEWHERE[command]})")
                        continue
                    code, output = run(command, scratch, env)
                    if code != want:
                        failed += 1
                        print(f"FAILED: {what}: exit {code}, not {want}\n"
                              f"{output}")
                    else:
                        print(f"ok: {what}")
                    sys.stdout.flush()
    if seen < BLOCKS_MIN:
        print(f"FAILED: found {seen} blocks, not even {BLOCKS_MIN}")
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
