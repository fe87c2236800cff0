"""A simulator process for the tests: `python fake.py BEHAVIOUR LOG`, well-behaved but for the one thing named.

It logs its process id when it starts and the id of every request, so that a test sees what it was asked.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

BEHAVIOUR, LOG = sys.argv[1], Path(sys.argv[2])
METRICS = {"latency_cycles": 100, "energy_pj": 2.5}


def log(text: str) -> int:
    """Appends a line, and says how many lines begin like it."""
    with LOG.open("a", encoding="utf-8") as file:
        file.write(text + "\n")
    return sum(found.split()[0] == text.split()[0] for found in LOG.read_text(encoding="utf-8").splitlines())


def say(content: object) -> None:
    print(content if isinstance(content, str) else json.dumps(content), flush=True)


def misbehave(request: dict, asked: int) -> None:
    """What the behaviours do when asked; those that return go on to answer."""
    behaviour = BEHAVIOUR
    if behaviour == "crash" or (behaviour == "crash-once" and asked == 1):
        print("about to \x1b[31mfall\x1b[0m over: \N{SNOWMAN}", file=sys.stderr)
        os._exit(3)
    if behaviour == "abort":
        os.abort()
    if behaviour == "hang" or (behaviour == "hang-second" and asked == 2):
        subprocess.Popen(["sleep", "1000"])
        log(f"child {os.getpid()}")
        time.sleep(1000)
    if behaviour == "memory":
        print(len(bytearray(1 << 33)), file=sys.stderr)
    if behaviour == "flood":
        sys.stderr.write("noise " * 200_000 + "\n")
    if behaviour == "litter":
        Path("left-behind").write_text(os.environ["TMPDIR"], encoding="utf-8")
    if behaviour == "slow":
        time.sleep(0.1 * (asked % 3))


def answer(request: dict) -> object:
    number = request["id"]
    area = request["arch"]["memories"][0]["size_bits"]
    answers = {
        "garbage": "Simulating... done!",
        "wrong-id": {"id": number + 1, **METRICS},
        "nan": f'{{"id": {number}, "latency_cycles": NaN, "energy_pj": 1}}',
        "infinite": f'{{"id": {number}, "latency_cycles": 1e999, "energy_pj": 1}}',
        "negative": {"id": number, "latency_cycles": 1, "energy_pj": -1},
        "text": {"id": number, "latency_cycles": "1", "energy_pj": 1},
        "truth": {"id": number, "latency_cycles": True, "energy_pj": 1},
        "half": {"id": number, "latency_cycles": 1},
        "typo": {"id": number, **METRICS, "area_mm2": 1},
        "both": {"id": number, **METRICS, "error": "no"},
        "empty": {},
        "list": [number],
        "error": {"id": number, "error": "licence server is away \N{SNOWMAN}"},
        "infeasible": {
            "id": number,
            "infeasible": {"reason": "too small", "resource": "memories.buffer.size_bits", "demand": 9, "bound": 8},
        },
        "sums": {
            "id": number,
            **METRICS,
            "breakdown": {
                "mac_energy_pj": 1,
                "memory_energy_pj": [["buffer", "W", 1]],
                "ideal_cycles": 100,
                "spatial_stall_cycles": 0,
                "temporal_stall_cycles": 0,
                "onload_cycles": 0,
                "offload_cycles": 0,
            },
        },
    }
    if BEHAVIOUR == "well" and area < request["layer"]["weight_bits"]:
        return answers["infeasible"]
    return answers.get(BEHAVIOUR, {"id": number, "latency_cycles": area, "energy_pj": 2.5, "area_um2": 7})


def main() -> None:
    log(f"start {os.getpid()} {Path.cwd()}")
    if BEHAVIOUR == "mute":
        time.sleep(1000)
    if BEHAVIOUR == "dead":
        sys.exit("no licence")
    if BEHAVIOUR == "late":
        time.sleep(1.3)
    say({"protocol": 2 if BEHAVIOUR == "protocol" else 1, "version": "9" if BEHAVIOUR == "version" else "1"})
    for line in sys.stdin:
        request = json.loads(line)
        misbehave(request, log(f"ask {request['id']}"))
        say(answer(request))
        if BEHAVIOUR == "chatter":
            say("and another thing")


main()
