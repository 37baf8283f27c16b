"""SQL over histories and over all runs; histories written to other files."""
import json
import os
import shutil
import sqlite3
import unittest

from support import Case, ordeal

EDN = """{:type :invoke, :process 0, :f :write, :value 1, :time 1000}
{:type :ok, :process 0, :f :write, :value 1, :time 3000}
{:type :invoke, :process 1, :f :read, :value nil, :time 3500}
{:type :info, :process :nemesis, :f :kill, :value ["n1"], :time 3600}
{:type :ok, :process 1, :f :read, :value 1, :time 4000}
"""

RESULT = {
    "ordeal": 1, "kind": "campaign", "name": "hand", "wall_ms": 10, "verdict": "violation",
    "cells": [{"cell": "c", "seed": 1, "verdict": "violation",
               "reason": "made up", "dir": "c-s1", "checks": [],
               "total_ms": 10}]}


class Query(Case):
    def setUp(self):
        super().setUp()
        self.file = self.path("history.edn")
        with open(self.file, "w", encoding="ascii") as file:
            file.write(EDN)

    def ask(self, *args, code=0):
        done = ordeal("query", *args)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def test_the_tables_of_a_history(self):
        rows = json.loads(self.ask(
            self.file, "select f, count(*), avg(latency_ns) from ops group by "
            "f", "--json"))["rows"]
        self.assertEqual(rows, [["read", 1, 500.0], ["write", 1, 2000.0]])
        told = self.ask(self.file, "select count(*) as n from events where "
                        "process = -1", "--tsv")
        self.assertEqual(told, "n\n1\n")

    def test_wrong_sql_is_usage(self):
        told = self.ask(self.file, "select f from opps", code=64)
        self.assertIn("no such table: opps", told)
        self.assertIn("one SQL text", self.ask(self.file, code=64))
        self.assertIn("none", self.ask(self.path("none"), "select 1", code=5))

    def test_a_query_only_reads(self):
        new = self.path("new.db")
        for sql in (f"vacuum into '{new}'", f"attach '{new}' as a",
                    "create table t(x)", "pragma temp_store_directory = '.'"):
            self.assertIn("only reads", self.ask(self.file, sql, code=64), sql)
            self.assertFalse(os.path.exists(new), sql)
        self.assertEqual(self.ask(
            self.file, "with recursive n(i) as (select 1 union select i + 1 "
            "from n where i < 3) select max(i) as i, (select count(*) from "
            "json_each('[7,8]')) as j from n", "--tsv"), "i\tj\n3\t2\n")
        self.assertIn("not authorized", self.ask(
            self.file, "select load_extension('x')", code=64))
        self.assertIn("latency_ns",
                      self.ask(self.file, "pragma table_info(ops)"))
        self.ask(self.file, "explain query plan select * from ops")

    def test_import_writes_no_file_that_is_there(self):
        to = self.path("history.ord")
        done = ordeal("import", self.file, "-o", to)
        self.assertEqual(done.returncode, 0, done.stderr)
        before = os.stat(to)
        done = ordeal("import", self.file, "-o", to)
        self.assertEqual(done.returncode, 64)
        self.assertIn("exists: remove it", done.stderr)
        done = ordeal("import", self.file, "-o", self.file)
        self.assertEqual(done.returncode, 64)
        self.assertEqual(os.stat(to).st_mtime_ns, before.st_mtime_ns)
        with open(self.file, encoding="ascii") as file:
            self.assertEqual(file.read(), EDN)

    def test_a_history_too_short_for_its_error_leaves_no_file(self):
        for form in ("own", "edn"):
            to = self.path("short")
            done = ordeal("generate", "--workload", "register", "--ops", "2",
                          "--bad", "stale-read", "--format", form, "-o", to)
            self.assertEqual(done.returncode, 64, done.stderr)
            self.assertIn("too short", done.stderr)
            self.assertFalse(os.path.exists(to))

    def test_export_to_sqlite_and_to_files(self):
        to = self.path("history.db")
        done = ordeal("export", self.file, "--to", "sqlite", "-o", to)
        self.assertEqual(done.returncode, 0, done.stderr)
        with sqlite3.connect(to) as db:
            self.assertEqual(db.execute("select value from ops where f = "
                                        "'read'").fetchall(), [(1,)])
        db.close()
        done = ordeal("export", self.file, "--to", "sqlite", "-o", to)
        self.assertEqual(done.returncode, 64, "the file is there")
        done = ordeal("export", self.file, "--to", "sqlite")
        self.assertEqual(done.returncode, 64)
        lines = self.path("history.jsonl")
        done = ordeal("export", self.file, "--to", "jsonl", "-o", lines)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.ask(lines, "select count(*) as n from ops",
                                  "--tsv"), "n\n2\n")
        done = ordeal("export", self.file, "--to", "edn", "-o",
                      self.path("no", "such", "folder"))
        self.assertEqual(done.returncode, 5, done.stderr)

    def test_a_full_disk_leaves_no_file(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        done = ordeal("export", self.file, "--to", "jsonl", "-o", "/dev/full")
        self.assertEqual(done.returncode, 5)
        self.assertFalse(os.path.isfile("/dev/full"), "it was replaced")


class Runs(Case):
    def make_run(self, name, verdict="violation"):
        os.makedirs(self.path("runs", name))
        with open(self.path("runs", name, "result.json"), "w",
                  encoding="ascii") as file:
            json.dump(dict(RESULT, verdict=verdict), file)

    def test_the_catalogue_follows_the_folder(self):
        self.make_run("one")
        done = ordeal("list", "runs", self.path("runs"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"one +hand +violation")
        self.make_run("two", "pass")
        ask = ("query", self.path("runs"), "select run, verdict from runs "
               "order by run", "--tsv")
        self.assertEqual(ordeal(*ask).stdout,
                         "run\tverdict\none\tviolation\ntwo\tpass\n")
        shutil.rmtree(self.path("runs", "one"))
        self.assertIn("one\tviolation", ordeal(*ask).stdout, "it was kept")
        os.remove(self.path("runs", "catalogue.sqlite"))
        self.assertNotIn("one", ordeal(*ask).stdout, "it was made anew")

    def test_one_campaign_is_asked_and_left_as_it_is(self):
        self.make_run("one")
        done = ordeal("query", self.path("runs", "one"),
                      "select cell, reason from cells", "--tsv")
        self.assertEqual(done.stdout, "cell\treason\nc\tmade up\n")
        self.assertEqual(os.listdir(self.path("runs", "one")),
                         ["result.json"])

    def test_a_broken_run_is_named(self):
        self.make_run("one")
        os.makedirs(self.path("runs", "bad"))
        with open(self.path("runs", "bad", "result.json"), "w",
                  encoding="ascii") as file:
            file.write("{")
        done = ordeal("list", "runs", self.path("runs"))
        self.assertEqual(done.returncode, 0)
        self.assertIn("left out", done.stderr)
        self.assertIn("one", done.stdout)

    def test_no_folder(self):
        done = ordeal("list", "runs", self.path("nowhere"))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("nowhere", done.stderr)


if __name__ == "__main__":
    unittest.main()
