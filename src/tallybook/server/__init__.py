"""The Tallybook server: domain rooms in a fixed order of imports (see ARCHITECTURE.md)."""
