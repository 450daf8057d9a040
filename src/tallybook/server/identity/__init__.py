"""Who calls us: projects, their live and test space, clocks, API keys."""
