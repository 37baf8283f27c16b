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


def mutants(proof, rng):
    """Wrong ones, with what was done to them."""
    check = proof["checks"][0]
    objects = check["objects"]

    def change(what, edit):
        copy = json.loads(json.dumps(proof))
        edit(copy["checks"][0])
        return what, dump(copy)

    turned = {"pass": "violation", "violation": "pass"}[check["verdict"]]

    def turn(c):
        c.update(verdict=turned, violations=int(turned == "violation"))

    yield change("the verdict turned round", turn)
    for n, item in enumerate(objects):
        if "order" in item and len(item["order"]) > 0:
            at = rng.randrange(len(item["order"]))
            yield change("a call doubled", lambda c, n=n, at=at: c["objects"][
                n]["order"].append(c["objects"][n]["order"][at]))
            yield change("a call that is none", lambda c, n=n, at=at: c[
                "objects"][n]["order"].__setitem__(at, 1 << 40))
        if "core" in item and item["minimal"]:
            at = rng.randrange(len(item["core"]))
            yield change("a call of a core dropped",
                         lambda c, n=n, at=at: c["objects"][n]["core"].pop(at))
        if n > 4:
            break


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
        counted = "not counted again" not in done.stdout
        digits = [m.start() for m in re.finditer("[0-9]", text)]
        at = rng.choice(digits)
        changed = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1:]
        self.refuse(row, "a digit changed", changed)
        if not counted:
            return 1
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

    def test_own_corpus(self):
        self.try_folder(OWN, 1)

    def test_other_corpus(self):
        self.try_folder(OTHERS, 1)


if __name__ == "__main__":
    unittest.main()
