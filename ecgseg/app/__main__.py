"""python -m ecgseg.app [--port 7860] [digitize.KEY=VALUE …]: the web page, on this machine."""

import argparse
import signal
import sys

from ecgseg.app.quiet import be_quiet
from ecgseg.app.server import LOOPBACK, is_loopback, make_app, serve
from ecgseg.errors import EcgsegError
from ecgseg.overrides import UsageError, compose

PORT = 7860
MB = 1024 * 1024
EXPOSED = """warning: --host {host} lets other machines reach this page. There is no password and no encryption:
whoever reaches it can use it, and pictures cross the network readable. Prefer a tunnel from the other machine:
ssh -L {port}:localhost:{port} THIS_MACHINE"""
MISSING = "error: the web page needs Gradio; install it: uv sync --extra app (or: pip install 'ecgseg[app]')"
DESCRIPTION = """A web page: drop a picture of a paper ECG, look at what was read, correct it, take the files away.

Nothing leaves this machine. Options of digitizing are given as on the command line (digitize.device=cpu).
Research tool, not a medical device."""


def main(argv: list[str] | None = None) -> int:
    """Serve until interrupted; returns the exit status."""
    args = parser().parse_args(argv)
    be_quiet()
    try:
        digitizer = _digitizer(args.options)
        from ecgseg.app.folder import private_folder

        # The server passes the signal on when it is done; without this the folder would not be removed then.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
        with private_folder() as folder:
            app = make_app(digitizer, folder, args.host, args.max_mb * MB)
            if not is_loopback(args.host):
                print(EXPOSED.format(host=args.host, port=args.port), file=sys.stderr)
            print(f"open http://{args.host}:{args.port} in a browser; Ctrl-C ends it", flush=True)
            serve(app, args.host, args.port)
    except ModuleNotFoundError as error:
        if error.name not in ("gradio", "fastapi", "uvicorn"):
            raise
        print(MISSING, file=sys.stderr)
        return 2
    except EcgsegError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    result = argparse.ArgumentParser(
        prog="python -m ecgseg.app", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument(
        "--host", default=LOOPBACK, help=f"address to listen on (default {LOOPBACK}: this machine only)"
    )
    result.add_argument("--port", type=int, default=PORT, help=f"default {PORT}")
    result.add_argument(
        "--max-mb", type=int, default=64, help="largest file in MB (default 64); pixels: digitize.max_pixels"
    )
    result.add_argument("options", nargs="*", metavar="digitize.KEY=VALUE", help="see configs/digitize/default.yaml")
    return result


def _digitizer(options: list[str]):
    """Return the digitizer that all pages share, its networks loaded."""
    wrong = [o for o in options if not o.startswith("digitize.") or "=" not in o]
    if wrong:
        raise UsageError(f"'{wrong[0]}' is no option; give digitize.KEY=VALUE, pictures are dropped on the page")
    chosen = compose("infer", options)["digitize"]
    from ecgseg.digitize.digitizer import Digitizer

    return Digitizer.from_pretrained(**chosen)


if __name__ == "__main__":
    sys.exit(main())
