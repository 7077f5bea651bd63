"""python -m ecgseg.render."""

from ecgseg.render.cli import main

raise SystemExit(main())
