"""Owns the promise that a run's points are listed as asked: filtered, sorted, in every form the same."""

import csv
import json
from io import StringIO

from tests.cli.conftest import Dse

TASK = ("--arch", "tpu_like", "--workload", "alexnet", "--layer", "fc8", "--sim", "factors=1")


def test_points_are_filtered_and_sorted_and_the_same_in_every_form(dse: Dse):
    assert dse("run", *TASK, "--search", "anneal", "--budget", "40", "--seed", "1").returncode == 0
    everything = json.loads(dse("points", "last", "--json").stdout)
    assert [point["seq"] for point in everything] == list(range(40))
    bound = sorted(point["energy_pj"] for point in everything if point["energy_pj"] is not None)[10]
    where = f"energy_pj<={bound} and pe_rows>=16"
    meant = [p for p in everything if (p["energy_pj"] or 9e99) <= bound and p["design"]["pe_rows"] >= 16]
    meant.sort(key=lambda p: (p["latency_cycles"], p["seq"]), reverse=True)
    asked = ("points", "1", "--where", where, "--sort", "-latency_cycles")
    assert json.loads(dse(*asked, "--json").stdout) == meant
    assert json.loads(dse(*asked, "--json", "--limit", "3").stdout) == meant[:3]
    rows = list(csv.DictReader(StringIO(dse(*asked, "--csv").stdout)))
    assert [(int(row["seq"]), float(row["edp_js"])) for row in rows] == [(p["seq"], p["edp_js"]) for p in meant]
    table = dse(*asked).stdout.splitlines()
    assert [int(line.split()[0]) for line in table[2:]] == [p["seq"] for p in meant]
    front = json.loads(dse("front", "1", "--json").stdout)["front"]
    assert len(json.loads(dse("points", "1", "--where", "front", "--json").stdout)) == len(front)


def test_what_is_asked_in_vain_is_refused_in_one_line(dse: Dse):
    assert dse("run", *TASK, "--search", "anneal", "--budget", "4", "--seed", "1").returncode == 0
    for asked, reason in (
        (("--where", "enrgy_pj<2"), "did you mean 'energy_pj'? (column 1)"),
        (("--where", "pe_rows>="), "a number is missing at the end (column 10)"),
        (("--sort", "enrgy_pj"), "Did you mean 'energy_pj'?"),
        (("--limit", "0"), "greater than or equal to 1"),
    ):
        done = dse("points", "1", *asked)
        assert (done.returncode, done.stdout) == (2, "")
        assert reason in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert dse("points", "1", "--where", "seq>99").stdout == "There are no such points.\n"


def test_runs_are_listed_by_the_same_language(dse: Dse):
    for seed in ("1", "2", "3"):
        assert dse("run", *TASK, "--search", "anneal", "--budget", seed, "--seed", seed).returncode == 0
    found = json.loads(dse("runs", "--where", "designs>1 and status=done", "--sort", "designs", "--json").stdout)
    assert [run["id"] for run in found] == [2, 3]
    bests = [run["best"]["energy_pj"] for run in json.loads(dse("runs", "--sort", "-energy_pj", "--json").stdout)]
    assert bests == sorted(bests, reverse=True)
    refused = dse("runs", "--where", "status=dne")
    assert (refused.returncode, "did you mean 'done'? (column 8)" in refused.stderr) == (2, True)
    assert dse("runs", "--where", "seed>3").stdout == "There are no runs for which seed>3 holds.\n"
