"""The server: one address, this machine only unless asked otherwise, nothing loaded from or sent to anywhere else."""

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from ecgseg.app.desk import MAX_BYTES, Desk
from ecgseg.app.folder import delete_old
from ecgseg.app.html import ROUTE
from ecgseg.app.quiet import be_quiet
from ecgseg.app.sessions import Sessions

LOOPBACK = "127.0.0.1"
SWEEP_S = 60.0
# The browser refuses whatever is not from this server; Gradio builds its components from texts, hence the two unsafe-*.
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; worker-src 'self' blob:; connect-src 'self'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
TYPES = {".png": "image/png", ".pdf": "application/pdf"}  # what a browser may show; all else is only saved


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def make_app(digitizer, folder: Path, host: str = LOOPBACK, max_bytes: int = MAX_BYTES):
    """Return the FastAPI application with the page at its root; `folder` is where uploads lie until they are taken."""
    be_quiet()
    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from ecgseg.app.page import STYLE, TITLE, build, theme

    sessions = Sessions(lambda: Desk(digitizer, max_bytes))
    app = FastAPI(title=TITLE, docs_url=None, redoc_url=None, openapi_url=None, lifespan=_sweeping(sessions, folder))
    app.middleware("http")(_guarded)
    if is_loopback(host):
        # A page of another site could have its own name lead here; it is refused by that name.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"])
    app.get(f"/{ROUTE}/{{token}}/{{name}}")(_file(sessions))
    return gr.mount_gradio_app(
        app, build(sessions), path="/", server_name=host, footer_links=[], run_history=False, show_error=False,
        max_file_size=max_bytes, ssr_mode=False, enable_monitoring=False, pwa=False, mcp_server=False,
        theme=theme(), css=STYLE.read_text(encoding="utf-8"),
    )  # fmt: skip


def serve(app, host: str, port: int) -> None:
    """Serve until interrupted; requests are not logged, since their addresses hold files' names."""
    import uvicorn

    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=3)


async def _guarded(request, call_next):
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def _file(sessions: Sessions) -> Callable:
    """Return the handler that gives out a result's file to who knows its token."""
    from fastapi.responses import PlainTextResponse, Response

    def give(token: str, name: str):
        content = sessions.file(token, name)
        if content is None:
            gone = "This file is gone: it is kept while its page is open and not read again. Drop the picture anew."
            return PlainTextResponse(gone, status_code=404)
        kind = TYPES.get(Path(name).suffix)
        shown = "inline" if kind else "attachment"
        said = {"Content-Disposition": f"{shown}; filename*=UTF-8''{quote(name)}"}
        return Response(content, media_type=kind or "application/octet-stream", headers=said)

    return give


def _sweeping(sessions: Sessions, folder: Path) -> Callable:
    """Return the application's lifespan: idle desks and uploads that nothing came for are cleared every minute."""

    async def sweep() -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            sessions.drop_idle()
            delete_old(folder)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        task = asyncio.create_task(sweep())
        try:
            yield
        finally:
            task.cancel()

    return lifespan
