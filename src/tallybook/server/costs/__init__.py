"""What the work cost us: cost rows, and the price book of LLM models."""
