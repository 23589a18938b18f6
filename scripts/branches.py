"""Say how many branches the tests take, and fail where it is too few.

`make coverage` runs it after the tests. coverage's own total mixes lines and branches, and a line
count hides a branch that nobody takes.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

LEAST = 0.8


def main() -> None:
    """Print the share of branches taken, by package, and end with 1 below the least."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "coverage.json"
        command = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(path)]
        subprocess.run(command, check=True)
        files = json.loads(path.read_text())["files"]
    taken: dict[str, list[int]] = {}
    for name, found in files.items():
        counts = taken.setdefault(Path(name).parts[0], [0, 0])
        counts[0] += found["summary"]["covered_branches"]
        counts[1] += found["summary"]["num_branches"]
    for package, (covered, there) in sorted(taken.items()):
        print(f"coverage: {package:<10} {covered:>6,} of {there:>6,} branches")
    share = sum(one for one, _ in taken.values()) / max(1, sum(all_ for _, all_ in taken.values()))
    print(f"coverage: {100 * share:.1f} % of all branches; at least {100 * LEAST:.0f} % is wanted")
    sys.exit(share < LEAST)


if __name__ == "__main__":
    main()
