"""The names under which providers go, in traces, libraries and price lists.

Source: OpenTelemetry's gen_ai.provider.name and gen_ai.system, older names too.
"""

from typing import Final

_ALIASES: Final = {
    "az.ai.inference": "azure",
    "az.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "azure_openai": "azure",
    "aws.bedrock": "aws",
    "bedrock": "aws",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "gemini": "google",
    "google_genai": "google",
    "vertex_ai": "google",
    "vertexai": "google",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "x_ai": "x-ai",
    "xai": "x-ai",
}


def known_as(provider: str) -> str:
    """Return the one name of a provider."""
    name = provider.strip().lower()
    return _ALIASES.get(name, name)
