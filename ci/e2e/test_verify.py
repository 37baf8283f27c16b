#!/usr/bin/env python3
"""Every verdict of the corpora has a proof that verify accepts; with one
element changed, or the verdict turned round, it does not, even where the
digests were made to fit again.

The tree's own corpus, and ORD_CORPUS or ../shared/corpus where that is there.
"""
import json
import os
import random
import re
import unittest

from support import SOURCE, Case, ordeal

OWN = os.path.join(SOURCE, "histories/corpus")
OTHERS = os.environ.get("ORD_CORPUS",
                        os.path.join(SOURCE, "../shared/corpus"))
MEMBERS = ("checker", "model", "options", "verdict", "why", "key",
           "violations", "ops", "stats", "objects")

# How to make them, and how many operations their core has at most.
LONG = (
    ("--workload multi-register --ops 800 --bad stale-read --bad-at 0.9", 40),
    ("--workload multi-register --ops 5000 --bad stale-read --bad-at 0.9", 40),
    ("--workload cas-register --ops 20000 --values 5 --bad stale-read "
     "--info 0.001", 20),
    ("--workload cas-register --ops 20000 --values 5 --bad stale-read "
     "--clients 20", 20),
    ("--workload set --ops 20000 --values 5 --bad lost", 10),
    ("--workload counter --ops 10000 --bad stale-read", 20),
)


def fnv(data, digest=0xcbf29ce484222325):
    for byte in data:
        digest = (digest ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return digest


def dump(proof):
    """The proof as a file, with all digests but the history's made to fit."""
    out = json.dumps(proof["history"], separators=(",", ":"))
    out = (f'{{"ordeal_proof":1,"history":{out},'
           f'"keyed":{json.dumps(proof["keyed"])},"checks":[')
    for i, check in enumerate(proof["checks"]):
        members = {name: check[name] for name in MEMBERS}
        out += ("," if i else "") + json.dumps(
            members, separators=(",", ":"), ensure_ascii=False)[:-1]
        out += ',"digest":"'
        out += f'{fnv(out.encode()):016x}"}}'
    out += '],"digest":"'
    return out + f'{fnv(out.encode()):016x}"}}\n'


def rows(folder):
    with open(os.path.join(folder, "LABELS.tsv"), encoding="utf-8") as file:
        names = file.readline().rstrip("\n").split("\t")
        for line in file:
            row = dict(zip(names, line.rstrip("\n").split("\t")))
            row["path"] = os.path.join(folder, row["file"])
            yield row


def arguments(row):
    args = [row["path"], "--checker", row["checker"]]
    if row.get("model", "-") not in ("", "-"):
        args += ["--model", row["model"]]
    for option in row.get("options", "-").split(","):
        if option not in ("", "-"):
            args += ["--set", option]
    return args


def changed(proof, edit):
    copy = json.loads(json.dumps(proof))
    edit(copy["checks"][0])
    return dump(copy)


def object_mutants(proof, n, rng):
    """Of one object: elements dropped, doubled, and put for another."""
    item = proof["checks"][0]["objects"][n]
    kind = next(k for k in ("order", "core", "cycle") if k in item)
    is_linearizable = proof["checks"][0]["checker"] == "linearizable"
    if not item[kind] or kind == "core" and not item["minimal"]:
        return
    at = rng.randrange(len(item[kind]))

    def edit(what):
        return changed(proof, lambda c: what(c["objects"][n][kind]))

    def to_nowhere(e):
        if kind == "order":
            e[at] = 1 << 40
        else:
            e[at]["op"] = 1 << 40

    # An order may leave unfinished calls out, and cores are not of one length.
    if kind != "order" or not is_linearizable:
        yield f"an element of a {kind} dropped", edit(lambda e: e.pop(at))
    yield f"an element of a {kind} doubled", edit(lambda e: e.append(e[at]))
    yield f"an element of a {kind} that is none", edit(to_nowhere)
    if not is_linearizable:
        yield "an object dropped", changed(proof,
                                           lambda c: c["objects"].pop(n))
        yield "an object doubled", changed(
            proof, lambda c: c["objects"].append(c["objects"][n]))
        yield "another key", changed(
            proof, lambda c: c["objects"][n].update(key="no key"))
    if kind == "cycle":
        edges = {"session": "reads-from", "reads-from": "version",
                 "version": "session"}
        for i, element in enumerate(item[kind]):
            yield f"edge {i} called another", edit(
                lambda e, i=i: e[i].update(edge=edges[e[i]["edge"]]))
            yield f"element {i} is its completion", edit(
                lambda e, i=i: e[i].update(op=e[i]["op"] + 1))
        yield "the length", changed(
            proof, lambda c: c["objects"][n].update(length=item["length"] + 1))


def count_mutants(proof):
    """Of a verdict that is counted again: what it says."""
    check = proof["checks"][0]
    yield "one violation more", changed(
        proof, lambda c: c.update(violations=c["violations"] + 1))
    if check["violations"] > 1:
        yield "one violation less", changed(
            proof, lambda c: c.update(violations=c["violations"] - 1))
    if check["checker"] in DEFINED:
        for name, value in check["stats"].items():
            yield f"{name} is one more", changed(
                proof, lambda c, name=name, value=value: c["stats"].update(
                    {name: value + 1}))
    if check["violations"] > 0:
        yield "another key", changed(proof, lambda c: c.update(key="no key"))
    for i in range(min(len(check["ops"]), 62)):
        yield "an operation dropped", changed(
            proof, lambda c, i=i: c["ops"].pop(i))
        yield "an operation doubled", changed(
            proof, lambda c, i=i: c["ops"].insert(i, c["ops"][i]))
        yield "an operation put for another", changed(
            proof, lambda c, i=i: c["ops"].__setitem__(i, c["ops"][i] + 1))


# All that these tell is counted again.
DEFINED = ("adya-g2", "causal", "consistent-prefix", "duplicated",
           "k-atomicity", "long-fork", "lost", "monotonic-reads",
           "monotonic-writes", "queue", "sequential", "staleness",
           "total-queue", "writes-follow-reads")


def mutants(proof, rng):
    """Wrong ones, with what was done to them."""
    check = proof["checks"][0]
    turned = {"pass": "violation", "violation": "pass"}[check["verdict"]]

    yield "the verdict turned round", changed(proof, lambda c: c.update(
        verdict=turned, violations=int(turned == "violation")))
    yield "another checker", changed(
        proof, lambda c: c.update(checker="no-checker"))
    if check["checker"] != "linearizable":
        yield from count_mutants(proof)
    for n in range(min(len(check["objects"]), 5)):
        yield from object_mutants(proof, n, rng)


class Verify(Case):
    def prove(self, row):
        """The proof's path, or None where nothing was decided."""
        path = self.path("proof.json")
        done = ordeal("check", *arguments(row), "--proof", path)
        self.assertIn(done.returncode, (0, 1, 3), row["file"] + done.stderr)
        return path if done.returncode != 3 else None

    def verify(self, row, path):
        return ordeal("verify", row["path"], path)

    def try_row(self, row, rng):
        path = self.prove(row)
        if path is None:
            return 0
        done = self.verify(row, path)
        self.assertEqual(done.returncode, 0, row["file"] + ": " + done.stdout +
                         done.stderr)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        digits = [m.start() for m in re.finditer("[0-9]", text)]
        at = rng.choice(digits)
        self.refuse(row, "a digit changed",
                    text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1:])
        for what, mutant in mutants(json.loads(text), rng):
            self.refuse(row, what, mutant)
        return 1

    def refuse(self, row, what, text):
        path = self.path("mutant.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = self.verify(row, path)
        self.assertIn(done.returncode, (1, 64), f"{row['file']}: {what}: "
                      f"{done.stdout}{done.stderr}")

    def try_folder(self, folder, few):
        """All of it where ORD_LONG is set, else one row in `few`."""
        if not os.path.isfile(os.path.join(folder, "LABELS.tsv")):
            self.skipTest(f"{folder} is not there")
        rng = random.Random(1)
        step = 1 if os.environ.get("ORD_LONG") == "1" else few
        proved = 0
        for number, row in enumerate(rows(folder)):
            if number % step == 0:
                with self.subTest(file=row["file"], checker=row["checker"]):
                    proved += self.try_row(row, rng)
        self.assertGreater(proved, 0)

    def test_small_cores(self):
        """Of long histories with one error, few operations are enough."""
        for options, most in LONG:
            with self.subTest(options=options):
                history = self.path("long")
                path = self.path("core.json")
                ordeal("generate", *options.split(), "-o", history)
                done = ordeal("check", history, "--checker", "linearizable",
                              "--proof", path)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertNotIn("explains all of", done.stdout)
                with open(path, encoding="utf-8") as file:
                    check = json.load(file)["checks"][0]
                self.assertLessEqual(len(check["objects"][0]["core"]), most)
                done = ordeal("verify", history, path)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                os.remove(history)

    def test_own_corpus(self):
        self.try_folder(OWN, 4)

    def test_other_corpus(self):
        self.try_folder(OTHERS, 4)


if __name__ == "__main__":
    unittest.main()
