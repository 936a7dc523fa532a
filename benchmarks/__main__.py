"""Run every benchmark of this folder (or those named on the command line) and print one table of ratios."""

from __future__ import annotations

import sys
from importlib import import_module
from pkgutil import iter_modules

import benchmarks


def main(chosen: list[str]) -> int:
    names = [module.name for module in iter_modules(benchmarks.__path__) if not module.name.startswith("__")]
    unknown = sorted(set(chosen) - set(names))
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)} (there are: {', '.join(names)})", file=sys.stderr)
        return 2
    print(f"{'benchmark':<13} {'what':<38} {'ours':>12} {'reference':>12} {'ratio':>9}  against")
    for name in names:
        if chosen and name not in chosen:
            continue
        for ratio in import_module(f"benchmarks.{name}").run():
            scale, unit = (1000, "ms") if ratio.unit == "s" else (1, ratio.unit)
            ours, theirs = f"{ratio.ours * scale:.3f} {unit}", f"{ratio.theirs * scale:.3f} {unit}"
            print(f"{name:<13} {ratio.what:<38} {ours:>12} {theirs:>12} {ratio.times:>8.1f}x  {ratio.reference}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
