"""Makes tables of what scripts/bench.sh has measured, and one file for programs.

usage: report.py DIRECTORY [--write DOCS]

Reads the results in DIRECTORY, prints them, and writes DIRECTORY/result.json; with --write also performance.md, .svg and .json in
DOCS. Needs Python 3 alone. A missed bar is shown, not an error.
"""

import argparse
import json
import sys
import textwrap
from pathlib import Path

from bars import Bars
from page import bars_table, machine_text, verdicts, write_page
from results import Results
from sections import sections


def main() -> int:
    parser = argparse.ArgumentParser(prog="report.py", description="Makes tables of what scripts/bench.sh has measured.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--write", type=Path, metavar="DOCS", help="also performance.md, .svg and .json there")
    arguments = parser.parse_args()
    try:
        results = Results(arguments.directory)
        bars = Bars()
        made = sections(results, bars)
        for section in made:
            print(f"\n{section.title}\n\n{textwrap.fill(section.text, 120)}")
            for table in section.tables:
                if table.rows:
                    print(f"\n{table.to_text()}")
        print(f"\nThe bars: {verdicts(bars)}\n\n{bars_table(bars).to_text()}\n\n{machine_text(results)}")
        result = {"bars": [bar.to_json() for bar in bars.all], **results.raw}
        (arguments.directory / "result.json").write_text(json.dumps(result, indent=1) + "\n")
        print(f"\nnumbers: {arguments.directory / 'result.json'}")
        if arguments.write is not None:
            write_page(arguments.write, results, made, bars)
            print(f"written: {arguments.write / 'performance.md'}, performance.svg, performance.json")
    except (OSError, KeyError, ValueError) as error:
        print(f"report.py: {arguments.directory}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
