"""The addresses of the service, and who may ask what."""

from __future__ import annotations

import asyncio
import hmac
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import FastAPI, HTTPException, Query, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect

from skelact import __version__
from skelact.api.model import Model
from skelact.errors import ConfigurationError, SkelactError, printable, suggest, typed
from skelact.formats.video import SUFFIXES
from skelact.limits import beyond, limit
from skelact.reports.page import fill_page
from skelact.reports.serving import HEADERS, names_loopback
from skelact.service.answering import Answering, BusyError
from skelact.service.metrics import Metrics
from skelact.service.schema import BODY, Health, Predictions, refusals, text_of
from skelact.service.streaming import PATIENCE, WRONG, close, follow

OPEN = ("/", "/health")
"""Addresses for which no token is asked."""
MOST_TOP = 1000
PARAMETERS = {"file", "top"}
"""What may be said in the address of a question."""


def _is_of(origin: str, host: str) -> bool:
    """Return whether an ``Origin`` is a page of this host; one that is no address is not."""
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        return False


def build_app(model: Model, *, token: str | None = None, any_host: bool = False) -> FastAPI:
    """Return the service of a model, as an ASGI application.

    Args:
        model: that was taught classes.
        token: what a client must know, sent as ``Authorization: Bearer TOKEN``; None: nothing.
        any_host: whether it answers under any name; otherwise under those of the loopback alone, so that no
            page of elsewhere reaches it under a name of its own.

    Raises:
        ConfigurationError: a model that was not taught any classes.
    """
    answering, metrics = Answering(model), Metrics()
    _ = model.recogniser  # a model without classes is told now
    classes = model.classes
    app = FastAPI(title="skelact", version=__version__, docs_url=None, redoc_url=None)
    app.state.answering = answering
    data = {"classes": classes, "token": token is not None}
    page = fill_page("serve", ["serve"], title="skelact", data=data, asks_server=True)

    def refused(path: str, headers: Headers) -> tuple[int, str] | None:
        """Return why a request is not answered, with its status; None: it is."""
        host = headers.get("host", "")
        if not any_host and not names_loopback(host):
            return 403, "this service answers under the names of this machine's loopback alone"
        origin = headers.get("origin")
        if origin is not None and not _is_of(origin, host):
            return 403, "pages of elsewhere may not ask"
        if token is not None and path not in OPEN:
            sent = headers.get("authorization", "").removeprefix("Bearer ").encode()
            if not hmac.compare_digest(sent, token.encode()):
                return 401, "a token is needed: Authorization: Bearer TOKEN"
        return None

    @app.middleware("http")
    async def every_request(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        begun = time.perf_counter()
        why = refused(request.url.path, request.headers)
        if why is not None:
            more = {"WWW-Authenticate": "Bearer"} if why[0] == 401 else None
            response: Response = refusal(*why, more)
        else:
            try:
                response = await answer(request)
            except Exception as error:  # nothing of it may get out
                print(f"skelact: {type(error).__name__}: {printable(str(error))[:500]}", file=sys.stderr)
                response = refusal(500, "an error of the service; its log says more")
        for name, value in HEADERS.items():
            response.headers[name] = value
        route = request.scope.get("route")
        path = getattr(route, "path", "other")
        metrics.requests.labels(path, response.status_code).inc()
        metrics.seconds.labels(path).observe(time.perf_counter() - begun)
        return response

    @app.exception_handler(StarletteHTTPException)
    async def http_error(_: Request, error: StarletteHTTPException) -> JSONResponse:
        return refusal(error.status_code, str(error.detail), error.headers)

    @app.exception_handler(RequestValidationError)
    async def odd_query(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        return refusal(422, f"{place}: {first['msg']}")

    @app.exception_handler(SkelactError)
    async def unusable(_: Request, error: SkelactError) -> JSONResponse:
        return refusal(422, str(error))

    @app.exception_handler(BusyError)
    async def busy(_: Request, error: BusyError) -> JSONResponse:
        return refusal(503, str(error), {"Retry-After": "5"})

    @app.post(
        "/predict",
        response_model=Predictions,
        responses=refusals(400, 401, 403, 408, 413, 415, 422, 503),
        openapi_extra=BODY,
    )
    async def predict(
        request: Request,
        file: Annotated[str, Query(max_length=255, description="the file's name")] = "",
        top: Annotated[int, Query(ge=1, le=MOST_TOP, description="classes to tell")] = 3,
    ) -> JSONResponse:
        """Say what a recording shows: pose-JSON, or a file of any format that `data prepare auto` knows."""
        for name in request.query_params.keys() - PARAMETERS:
            raise ConfigurationError(f"predict: unknown key {name[:60]!r}{suggest(name[:60], PARAMETERS)}")
        if request.headers.get("content-type", "").startswith("multipart/"):
            raise HTTPException(
                415, "the body is a form; send the file itself as the body (curl --data-binary @FILE)"
            )
        if Path(file).suffix.lower() in SUFFIXES:
            raise SkelactError(
                f"{file}: the service takes no videos; make a recording of it first: "
                f"skelact video {typed(file)} --out recording.json"
            )
        found = await answering.predict(await read_body(request), file or None, top)
        for one in found["recordings"]:
            metrics.recordings.labels(str(one["unfamiliar"]).lower()).inc()
        if not found["recordings"]:
            raise SkelactError("; ".join(found["problems"][:3]) or "no recording in it")
        return JSONResponse(found)

    @app.get("/health", response_model=Health, responses=refusals(403))
    async def health() -> Health:
        """Tell that the service is there."""
        return Health(status="ok", version=__version__, classes=len(classes))

    @app.get("/card", responses=refusals(401, 403))
    async def card() -> JSONResponse:
        """Return what the model's card says: classes, skeleton, accuracy, calibration."""
        return JSONResponse(public_card(model))

    @app.get("/metrics", response_class=Response, responses=refusals(401, 403) | text_of("text/plain"))
    async def told() -> Response:
        """Return numbers for Prometheus."""
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/", response_class=Response, responses=refusals(403) | text_of("text/html"))
    async def front() -> Response:
        """Return a page to drop a file on."""
        return Response(page, media_type="text/html")

    @app.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        why = refused("/stream", socket.headers)
        if why is not None:
            await socket.accept()  # so that the reason arrives
            await close(socket, WRONG, why[1])
            return
        await follow(socket, answering, metrics)

    return app


async def read_body(request: Request) -> bytes:
    """Return a request's body.

    Raises:
        HTTPException: it is longer than the limit ``recording``, empty, incomplete, or comes too slowly.
    """
    most = limit("recording")
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told[:20]) > most:
        raise HTTPException(413, f"the body has {beyond('recording', int(told[:20]))}")
    found = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for part in request.stream():
                found += part
                if len(found) > most:
                    raise HTTPException(413, f"the body has {beyond('recording')}")
    except TimeoutError as error:
        raise HTTPException(408, f"the body did not arrive within {PATIENCE:g} s") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the body ended before it was complete") from error
    if not found:
        raise HTTPException(400, "no body; send a recording")
    return bytes(found)


def public_card(model: Model) -> dict[str, object]:
    """Return what strangers may know of a model: nothing of the machine that made it."""
    card = model.card
    shown = ("method", "topology", "clips", "positions", "terms", "recognition", "versions", "checksum")
    table = {name: card[name] for name in shown if name in card}
    return {**table, "classes": model.classes}


def refusal(status: int, reason: str, headers: object = None) -> JSONResponse:
    """Return an answer that says why there is no other."""
    more = {str(key): str(value) for key, value in dict(headers or {}).items()}  # type: ignore[call-overload]
    return JSONResponse({"reason": printable(reason)}, status, headers=more)
