"""What no linter knows. Every check has a test that shows it can fail."""
