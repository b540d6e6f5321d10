"""What whoever runs a server watches: metrics in Prometheus' text format, logs with the job's id, traces of jobs.

Metrics are counted and served where `ROUNDTRIP_METRICS` says so, or the option of a worker; log lines are JSON where
`ROUNDTRIP_LOG_FORMAT` says so; traces are sent where OpenTelemetry's own variable `OTEL_EXPORTER_OTLP_ENDPOINT` names a
collector. Metrics and traces hold no names of people, models or files.
"""

from core.telemetry.job_log import job_context, set_up_logging
from core.telemetry.measurements import measure
from core.telemetry.tracing import start_span

__all__ = ["job_context", "measure", "set_up_logging", "start_span"]
