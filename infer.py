"""Digitize pictures of ECG pages: python infer.py scan.png folder/ --out DIR digitize.speed=50."""

import sys

from ecgseg.digitize.cli import main

if __name__ == "__main__":
    sys.exit(main())
