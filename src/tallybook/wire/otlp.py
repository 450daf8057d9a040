"""OTLP/JSON traces, as far as the API document goes: OpenTelemetry defines them."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class ExportTraces(BaseModel):
    """An ExportTraceServiceRequest, as JSON; protobuf is taken, too."""

    model_config = ConfigDict(extra="allow")

    resourceSpans: list[dict[str, Any]]  # noqa: N815 - OpenTelemetry's name
