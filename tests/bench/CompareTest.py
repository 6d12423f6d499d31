"""bench/compare, run with a real chordal and a peer that knows only what llama-bench prints.

  CompareTest.py COMPARE CHORDAL MODEL
"""

import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest

PEER = """#!/bin/sh
[ "$1" = --help ] && { echo "-gp <pp,tg>  $HELP_MORE"; exit 0; }
echo "$@" >> "$PEER_LOG"
case "$*" in
*" -d 7"*) echo '[{"n_prompt": 0, "n_gen": 2, "n_depth": 7, "avg_ts": 5.5}]' ;;
*" -gp 7,2"*) echo '[{"n_prompt": 7, "n_gen": 2, "test": "tg2@pp7", "avg_ts": 4.5}]' ;;
*) echo '[{"n_prompt": 12, "n_gen": 0, "avg_ts": 100.0}, {"n_prompt": 0, "n_gen": 2, "avg_ts": 10.0}]' ;;
esac
"""


class CompareTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.peer = os.path.join(self.folder.name, "peer")
        self.log = os.path.join(self.folder.name, "log")
        with open(self.peer, "w") as file:
            file.write(PEER)
        os.chmod(self.peer, stat.S_IRWXU)

    def tearDown(self):
        self.folder.cleanup()

    def compare(self, *arguments, help_more=""):
        environment = dict(os.environ, PEER_LOG=self.log, HELP_MORE=help_more)
        done = subprocess.run(
            [sys.executable, COMPARE, MODEL, "--chordal", "ours=" + CHORDAL, "-t", "1", *arguments],
            capture_output=True, text=True, env=environment, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def rows(self, *arguments, **more):
        rows = json.loads(self.compare(*arguments, "--json", **more))
        return {(row["test"], row["name"]): row for row in rows}

    def test_contenders_run_every_test_in_turn(self):
        rows = self.rows("--pairs", "2", "-p", "12", "-n", "2", "-d", "0,7", "--peer", f"them={self.peer} -fa 0")
        self.assertEqual(set(rows), {("pp12", "ours"), ("pp12", "them"), ("tg2", "ours"), ("tg2", "them"),
                                     ("pp12@d7", "ours"), ("tg2@d7", "ours"), ("tg2@d7", "them")})
        self.assertEqual(rows["tg2@d7", "them"]["tokens_per_second"]["median"], 4.5)
        ours, them = rows["tg2", "ours"], rows["tg2", "them"]
        self.assertNotIn("ratio", ours)
        self.assertEqual(them["baseline"], "ours")
        for end, other in (("min", "max"), ("max", "min")):
            self.assertAlmostEqual(them["ratio"][end], 10.0 / ours["tokens_per_second"][other])
        # The same work is read as many times a second as there are tokens.
        self.assertGreater(them["share_of_memory"]["median"], 0)
        with open(self.log) as file:
            lines = file.read().splitlines()
        self.assertEqual(len(lines), 4)
        for line in lines:
            self.assertIn(f"-m {MODEL} -fa 0 -t 1 -r 1 -o json", line)

    def test_a_peer_with_depths_is_given_them(self):
        rows = self.rows("--pairs", "1", "-p", "0", "-n", "2", "-d", "7", "--peer", self.peer, help_more="--n-depth")
        self.assertEqual(rows["tg2@d7", "peer"]["tokens_per_second"]["median"], 5.5)

    def test_a_busy_neighbour_is_compared_with_quiet(self):
        rows = self.rows("--pairs", "1", "-p", "12", "-n", "2", "--neighbour", str(min(os.sched_getaffinity(0))))
        busy = rows["tg2", "ours, busy neighbour"]
        self.assertEqual(busy["baseline"], "ours")
        self.assertAlmostEqual(busy["ratio"]["median"], busy["tokens_per_second"]["median"]
                               / rows["tg2", "ours"]["tokens_per_second"]["median"])
        table = self.compare("--pairs", "1", "-p", "0", "-n", "2")
        self.assertIn("tg2", table)

    def test_a_failure_is_told(self):
        done = subprocess.run([sys.executable, COMPARE, MODEL + ".no", "--chordal", CHORDAL],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("failed (1)", done.stderr)


if __name__ == "__main__":
    MODEL, CHORDAL, COMPARE = sys.argv.pop(), sys.argv.pop(), sys.argv.pop()
    unittest.main()
