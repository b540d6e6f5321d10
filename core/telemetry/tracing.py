"""Traces of jobs by OpenTelemetry, for the collector that its own variables name; without one nothing is imported."""

import contextlib
import os
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def is_tracing() -> bool:
    """Whether a collector is named."""
    return any(os.environ.get(name) for name in ENDPOINT_VARIABLES)


@contextlib.contextmanager
def start_span(name: str, start_ns: int | None = None, **attributes: str | int | float) -> "Iterator[Span | None]":
    """A span below the current one of this thread, ended with the block; None where traces are not sent.

    Args:
        name: what is done, such as "job save".
        start_ns: when it began, in nanoseconds since 1970; now by default.
        attributes: numbers and words about it, under names that begin with "roundtrip.".
    """
    if not is_tracing():
        yield None
        return
    tracer = get_provider().get_tracer("roundtrip")
    named = {f"roundtrip.{key}": value for key, value in attributes.items()}
    with tracer.start_as_current_span(name, start_time=start_ns, attributes=named) as span:
        yield span


@cache
def get_provider() -> "TracerProvider":
    """The provider of this process, which sends spans in batches, and the rest when the process ends."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(
        resource=Resource.create({SERVICE_NAME: os.environ.get("OTEL_SERVICE_NAME", "roundtrip")})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
