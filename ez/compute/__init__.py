"""Make sure that a computer exists and is ready: ensure, facts, plan, prepare."""
